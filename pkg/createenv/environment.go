// Package createenv makes, changes and deletes the one VM of a director, as
// bosh create-env and delete-env do, inside this process. Unlike them it keeps
// its state and a journal of CPI calls with the caller, so that a run that is
// killed anywhere loses and doubles nothing that the next run cannot put right.
package createenv

import (
	"context"
	"os"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/crash"
	"github.com/perpetual-ci/perpetual/pkg/createenv/ledger"
	"github.com/perpetual-ci/perpetual/pkg/difference"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// Options are what an Environment needs of its surroundings.
type Options struct {
	// Dir is the workspace, made with mode 0700: releases, the stemcell and the
	// compiled CPI stay in it for the next run. One run at a time may use it.
	Dir       string
	Documents ledger.Documents
	// Progress gets every stage and step, in order; nil for nobody.
	Progress func(Event)
	// Notify gets one line of what a user should know though the run goes on,
	// such as a VM that may have been lost; nil for nobody.
	Notify func(string)
	// Changes gets, before the VM is made, a line for each URL, digest and value that it
	// will be made from and was not before; nil for nobody.
	Changes func(string)
	// Path is PATH for ruby, tar and bash; "" is the process's own. The CPI
	// itself gets bosh-cli's fixed PATH of system directories.
	Path string
	// Poll is the wait between two looks at an agent that is not ready or at a
	// task of it. Default 500ms.
	Poll time.Duration
	// Now is the clock; default time.Now.
	Now func() time.Time
	// Grace is how long a call of the CPI that is under way when the context ends is
	// waited for; after that it goes on by itself, and the next run takes over what it
	// made. Default 7s: containers are killed 10s after they were told to stop.
	Grace time.Duration
}

// Request is the environment that is wanted.
type Request struct {
	// Manifest is the create-env manifest with ((placeholders)); it is kept in memory only.
	Manifest []byte
	// Vars fill the placeholders.
	Vars secret.Values
	// Transient names those of Vars that are of this run alone, such as the keys
	// with which the CPI is called from here: another value is not a change.
	Transient []string
	// Show says which of Vars are secret and which may be, where values are shown or
	// remembered; its key tells one secret from another. Of it, Vars and Transient are
	// not looked at.
	Show difference.Reader
	// Recreate makes the VM again though nothing has changed.
	Recreate bool
	// SkipDrain goes without the drain scripts of the VM that is replaced.
	SkipDrain bool
	// Inspect looks at what the documents name before anything is written or done with
	// it, and says what of it is not there. Its error ends the run. nil: what they name
	// is taken.
	Inspect func(context.Context, []ledger.Thing) (gone []ledger.Thing, err error) `json:"-"`
}

// Result is what there is after Create.
type Result struct {
	Changed  bool   // whether anything was done
	VM       string // "i-0123456789abcdef0"
	Disk     string // "vol-0123456789abcdef0"; "" without a persistent disk
	Stemcell string // "ami-0123456789abcdef0 light"
}

// defaultPoll is the wait between two looks at an agent.
const defaultPoll = 500 * time.Millisecond

// defaultGrace leaves time, of a container's ten seconds, to write down what was done.
const defaultGrace = 7 * time.Second

// defaults fills in what was left out.
func defaults(o *Options) {
	if o.Progress == nil {
		o.Progress = func(Event) {}
	}
	if o.Notify == nil {
		o.Notify = func(string) {}
	}
	if o.Changes == nil {
		o.Changes = func(string) {}
	}
	if o.Path == "" {
		o.Path = os.Getenv("PATH")
	}
	if o.Poll == 0 {
		o.Poll = crash.Scale(defaultPoll)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Grace == 0 {
		o.Grace = defaultGrace
	}
}
