"""Results that are used again: what they depend on, where they are kept, and what gives them away."""
