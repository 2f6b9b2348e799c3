package director

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

// effect notes an effect. The caller holds mu.
func (d *Director) effect(e Effect) {
	e.At = d.now()
	d.effects = append(d.effects, e)
}

// effect notes an effect of a task. The caller holds mu.
func (j *job) effect(kind, name string) {
	j.d.effect(Effect{Kind: kind, Name: name, Task: j.task.id, ContextID: j.task.contextID, User: j.task.user})
}

// Effects lists everything that was brought about, oldest first.
func (d *Director) Effects() []Effect {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.effects)
}

// Count is how many effects of a kind there are; a name narrows it down, "" does not.
func (d *Director) Count(kind, name string) int {
	n := 0
	for _, e := range d.Effects() {
		if e.Kind == kind && (name == "" || e.Name == name) {
			n++
		}
	}
	return n
}
