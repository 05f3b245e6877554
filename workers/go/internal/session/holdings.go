package session

// holding is a lease that the worker has.
type holding struct {
	leaseID string
	batchID string
	stepID  int64
	attempt int
}

// mostOverdue: handlers that never end must not fill the memory.
const mostOverdue = 10_000

// holdings are the leases of one orchestrator: running or queued, or overdue (their timeout was reported, and the
// handler may still answer).
type holdings struct {
	held    map[string]holding
	overdue map[string]holding
}

func newHoldings() holdings {
	return holdings{map[string]holding{}, map[string]holding{}}
}

func (h *holdings) has(leaseID string) bool {
	_, has := h.held[leaseID]
	return has
}

func (h *holdings) add(one holding) {
	h.held[one.leaseID] = one
}

// end: the handler ended, or its time did. It answers what was held.
func (h *holdings) end(leaseID string, timedOut bool) (holding, bool) {
	one, has := h.held[leaseID]
	if !has {
		one, has = h.overdue[leaseID]
		delete(h.overdue, leaseID)
		return one, has
	}
	delete(h.held, leaseID)
	if timedOut && len(h.overdue) < mostOverdue {
		h.overdue[leaseID] = one
	}
	return one, true
}

// release: it was given back without having begun.
func (h *holdings) release(leaseID string) bool {
	has := h.has(leaseID)
	delete(h.held, leaseID)
	return has
}
