package bosh

import (
	"time"
)

// Stemcell is a stemcell on the director.
type Stemcell struct {
	Name    string // "bosh-aws-xen-hvm-ubuntu-jammy-go_agent"
	Version string // "1.484"
	OS      string // "ubuntu-jammy"
	CID     string // "ami-0123456789abcdef0 light"
}

// Release is one version of a release on the director.
type Release struct {
	Name    string // "concourse"
	Version string // "8.2.5"
}

// Package is a package of one version of a release.
type Package struct {
	Name     string   // "golang-1.25-linux"
	Source   bool     // its source is there; a compiled release has none
	Compiled []string // the stemcells that it is compiled for: "ubuntu-jammy/1.484"
}

// Lock keeps other tasks off a thing.
type Lock struct {
	Type      string    // "deployment"
	Resource  []string  // ["concourse"]
	TaskID    int       // 42; it may be a task that is dead, or that held the lock earlier
	ExpiresAt time.Time // renewed every two minutes; a dead task's lock frees itself then
}

// Holds says whether the lock keeps others off at a time. The director lists the locks
// of dead tasks until somebody takes them over. One whose end cannot be read holds.
func (l Lock) Holds(now time.Time) bool { return l.ExpiresAt.IsZero() || now.Before(l.ExpiresAt) }
