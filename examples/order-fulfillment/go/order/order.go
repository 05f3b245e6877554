// Package order has the order as the template's input_schema describes it: the context of every task. Money is in cents.
package order

// Order is what a customer wants.
type Order struct {
	OrderID      int64    `json:"order_id"`
	CustomerInfo Customer `json:"customer_info"`
	Items        []Item   `json:"items"`
	TotalCents   int64    `json:"total_cents"`
	Payment      Payment  `json:"payment"`
	Shipping     Shipping `json:"shipping"`
}

// Customer is who wants it.
type Customer struct {
	Name  string `json:"name"`
	Email string `json:"email"`
}

// Item is so many pieces of one article.
type Item struct {
	SKU            string `json:"sku"`
	Quantity       int    `json:"quantity"`
	UnitPriceCents int64  `json:"unit_price_cents"`
}

// Payment names a card.
type Payment struct {
	Token string `json:"token"`
}

// Shipping says where it goes, and how fast: ground or express.
type Shipping struct {
	Method  string  `json:"method"`
	Address Address `json:"address"`
}

// Address is where it goes.
type Address struct {
	Street  string `json:"street"`
	City    string `json:"city"`
	Country string `json:"country"`
}
