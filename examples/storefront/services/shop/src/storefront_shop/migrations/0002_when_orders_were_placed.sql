ALTER TABLE placed_order ADD COLUMN placed_at timestamptz NOT NULL DEFAULT now();

CREATE INDEX placed_order_placed_at ON placed_order (placed_at);
