package session

const generationSize = 2_000

// recentBatches remembers the seq of the last 2,000 to 4,000 batch messages of a session, so that a doubled one runs
// nothing twice (not the batch id: a large batch comes in several messages). In two generations: when the younger is
// full, the older is forgotten.
type recentBatches struct {
	young map[int64]struct{}
	old   map[int64]struct{}
}

// add answers false when seq was seen before.
func (r *recentBatches) add(seq int64) bool {
	_, isYoung := r.young[seq]
	_, isOld := r.old[seq]
	if isYoung || isOld {
		return false
	}
	if r.young == nil || len(r.young) >= generationSize {
		r.old, r.young = r.young, map[int64]struct{}{}
	}
	r.young[seq] = struct{}{}
	return true
}
