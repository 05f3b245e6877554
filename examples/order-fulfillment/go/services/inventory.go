package services

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"time"
)

// What a warehouse may say no with.
var (
	ErrOutOfStock = errors.New("out of stock")
	ErrUnknownSKU = errors.New("no such article")
)

// mostRemembered: keys are forgotten, oldest first, so that a worker may run for ever.
const mostRemembered = 10_000

// Inventory is a warehouse: it counts what is there and sets goods aside, all of an order or nothing. Asking twice under
// one key is asking once.
type Inventory struct {
	mu           sync.Mutex
	stock        map[string]int
	reservations map[string]Reservation
	keys         []string
}

// Reservation is what was set aside.
type Reservation struct {
	ID        string
	ExpiresAt time.Time
}

// NewInventory takes pieces by SKU.
func NewInventory(stock map[string]int) *Inventory {
	return &Inventory{stock: stock, reservations: map[string]Reservation{}}
}

// Available answers how many pieces there are.
func (i *Inventory) Available(sku string) int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.stock[sku]
}

// Reserve sets pieces by SKU aside, or fails with ErrOutOfStock or ErrUnknownSKU, and then nothing was set aside.
func (i *Inventory) Reserve(key string, wanted map[string]int, hold time.Duration) (Reservation, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if earlier, has := i.reservations[key]; has {
		return earlier, nil
	}
	for sku, quantity := range wanted {
		if err := i.check(sku, quantity); err != nil {
			return Reservation{}, err
		}
	}
	for sku, quantity := range wanted {
		i.stock[sku] -= quantity
	}
	digest := sha256.Sum256([]byte(key))
	reservation := Reservation{ID: fmt.Sprintf("res_%x", digest[:6]), ExpiresAt: time.Now().Add(hold)}
	i.remember(key, reservation)
	return reservation, nil
}

func (i *Inventory) check(sku string, quantity int) error {
	stock, has := i.stock[sku]
	switch {
	case !has:
		return fmt.Errorf("%w %s", ErrUnknownSKU, sku)
	case stock < quantity:
		return fmt.Errorf("%w: %d of %s wanted, %d there", ErrOutOfStock, quantity, sku, stock)
	}
	return nil
}

func (i *Inventory) remember(key string, reservation Reservation) {
	i.reservations[key] = reservation
	i.keys = append(i.keys, key)
	if len(i.keys) > mostRemembered {
		delete(i.reservations, i.keys[0])
		i.keys = i.keys[1:]
	}
}
