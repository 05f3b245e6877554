// Package services is what the handlers reach outside themselves. Here all of it lives in this process; in a shop these
// would be other systems.
package services

const plenty = 1_000_000

// Warehouse is the inventory of this process.
var Warehouse = NewInventory(map[string]int{
	"TEA-EARL-GREY-250":  plenty,
	"TEA-DARJEELING-100": plenty,
	"TEAPOT-CAST-IRON":   plenty,
})
