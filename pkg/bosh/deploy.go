package bosh

import (
	"encoding/json"
)

// DeployOptions are what the bosh CLI takes as flags of deploy. A zero field is
// not sent, as the CLI does.
type DeployOptions struct {
	// ContextID marks the task, so that it is found again when the answer to
	// the submission is lost. At most 64 characters; keep it before submitting.
	ContextID string
	// DiffContext is Diff.Context: it holds the deploy to the configs that the
	// diff was made with.
	DiffContext json.RawMessage
	DryRun      bool
	Recreate    bool
	Fix         bool
	SkipDrain   []string // instance groups or instances, "web" or "web/0"; "*" for all
	Canaries    string   // "1" or "10%"
	MaxInFlight string   // "1" or "50%"
}

// DeleteOptions are what the bosh CLI takes as flags of delete-deployment.
type DeleteOptions struct {
	ContextID string // as in DeployOptions
	Force     bool   // go on past errors
}
