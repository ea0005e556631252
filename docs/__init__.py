"""What writes parts of the documentation: the reference and the terminal picture. No part of isonox itself."""
