package store

import (
	"slices"
	"time"
)

// Kinds of effects.
const (
	EffectDeploy   = "deploy"   // a deploy was accepted as a task
	EffectInstance = "instance" // an instance was updated
	EffectVM       = "vm"       // a VM was created
	EffectUpload   = "upload"   // a stemcell or release was made
	EffectConfig   = "config"   // a version of a config was written
	EffectDelete   = "delete"   // something was deleted
)

// Effect is something that a client brought about.
type Effect struct {
	Kind      string
	Name      string // "concourse", "concourse/web/0", "release/bpm/1.4.38", "cloud/default"
	Task      int    // 0 if it was done without one
	ContextID string
	User      string
	DryRun    bool // of a deploy
	At        time.Time
}

// AddEffect notes an effect. The caller holds the lock.
func (s *Store) AddEffect(e Effect) {
	e.At = s.Now()
	s.effects = append(s.effects, e)
}

// Effects lists everything that was brought about, oldest first.
func (s *Store) Effects() []Effect {
	s.Lock()
	defer s.Unlock()
	return slices.Clone(s.effects)
}

// Count is how many effects of a kind there are; a name narrows it down, "" does not.
func (s *Store) Count(kind, name string) int {
	n := 0
	for _, e := range s.Effects() {
		if e.Kind == kind && (name == "" || e.Name == name) {
			n++
		}
	}
	return n
}
