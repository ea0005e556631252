CREATE TABLE product (
    sku text PRIMARY KEY,
    name text NOT NULL,
    price_minor bigint NOT NULL,
    currency text NOT NULL,
    position integer NOT NULL
);

CREATE TABLE basket (
    id text PRIMARY KEY
);

CREATE TABLE basket_line (
    basket_id text NOT NULL REFERENCES basket ON DELETE CASCADE,
    sku text NOT NULL REFERENCES product,
    quantity integer NOT NULL CHECK (quantity > 0),
    picked bigint GENERATED ALWAYS AS IDENTITY,
    PRIMARY KEY (basket_id, sku)
);

-- The document is what storefront_catalog.Order writes.
CREATE TABLE placed_order (
    id text PRIMARY KEY,
    document text NOT NULL
);
