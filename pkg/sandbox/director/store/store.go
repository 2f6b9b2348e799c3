// Package store is what all tables of a simulated director share: the lock that guards
// them, the clock, the counters of ids, and the record of what was done to them.
package store

import (
	"sync"
	"time"
)

// Store is what the tables of a director share: the lock that guards all of them, the
// clock, the counters of their ids, and the record of what was done.
type Store struct {
	sync.Mutex // guards every table of the director

	Now     func() time.Time
	scale   float64 // by which every duration of the director is multiplied
	audit   []Event
	effects []Effect
	serial  map[string]int // counters for ids, by kind
}

// New makes an empty store.
func New(now func() time.Time, scale float64) *Store {
	return &Store{Now: now, scale: scale, serial: map[string]int{}}
}

// Scaled is a duration of the real director in the simulator's time.
func (s *Store) Scaled(real time.Duration) time.Duration {
	return time.Duration(float64(real) * s.scale)
}

// Next is the next number of a counter. The caller holds the lock.
func (s *Store) Next(kind string) int {
	s.serial[kind]++
	return s.serial[kind]
}
