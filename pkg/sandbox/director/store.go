package director

import (
	"sync"
	"time"
)

// store is what the tables of a director share: the lock that guards all of them, the
// clock, the counters of their ids, and the record of what was done.
type store struct {
	sync.Mutex // guards every table of the director

	now     func() time.Time
	scale   float64 // by which every duration of the director is multiplied
	audit   []auditEvent
	effects []Effect
	serial  map[string]int // counters for ids, by kind
}

// newStore makes an empty store.
func newStore(now func() time.Time, scale float64) *store {
	return &store{now: now, scale: scale, serial: map[string]int{}}
}

// scaled is a duration of the real director in the simulator's time.
func (s *store) scaled(real time.Duration) time.Duration {
	return time.Duration(float64(real) * s.scale)
}

// next is the next number of a counter. The caller holds the lock.
func (s *store) next(kind string) int {
	s.serial[kind]++
	return s.serial[kind]
}
