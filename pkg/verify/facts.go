package verify

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/inventory"
	"github.com/perpetual-ci/perpetual/pkg/plain"
	"github.com/perpetual-ci/perpetual/pkg/task"
)

// The files that in writes for a deployment.
const (
	taskFile      = "task.json"
	eventsFile    = "events.jsonl"
	manifestFile  = "manifest.yml"
	instancesFile = "instances.json"
	reportFile    = "report.md"
)

// Facts are what is known of a deploy.
type Facts struct {
	Deployment string
	Task       bosh.Task
	Events     []bosh.Event
	Deployed   bosh.Deployment
	Instances  []bosh.Instance
	Failure    *task.Failure
	checks     []checkResult
}

// Versions are the deployed releases and stemcells.
func (f *Facts) Versions() []bosh.Release {
	return slices.Concat(f.Deployed.Releases, inventory.StemcellVersions(f.Deployed.Stemcells))
}

// taskJSON is task.json.
type taskJSON struct {
	ID          int        `json:"id"`          // 42
	State       string     `json:"state"`       // "done"
	Description string     `json:"description"` // "create deployment"
	Deployment  string     `json:"deployment"`  // "concourse"
	User        string     `json:"user"`        // "admin"
	ContextID   string     `json:"context_id"`  // "perpetual-…"
	Result      string     `json:"result"`      // "/deployments/concourse"
	StartedAt   *time.Time `json:"started_at"`  // RFC 3339; null while queued
	FinishedAt  *time.Time `json:"finished_at"` // RFC 3339; null while running
	Stage       string     `json:"failed_stage,omitempty"`
	Instance    string     `json:"failed_instance,omitempty"`
	Error       string     `json:"error,omitempty"`
}

// instanceJSON is a member of instances.json.
type instanceJSON struct {
	Group string `json:"group"` // "worker"
	ID    string `json:"id"`    // "6f1c…"
	Index int    `json:"index"` // 0
	State string `json:"state"` // "running"
}

// Write writes the files of a deployment's get, or none of them.
func (f *Facts) Write(dir string) (err error) {
	defer func() {
		if err != nil {
			for _, name := range []string{taskFile, eventsFile, manifestFile, instancesFile, reportFile} {
				err = errors.Join(err, os.RemoveAll(filepath.Join(dir, name)))
			}
		}
	}()
	var events bytes.Buffer
	for _, e := range f.Events {
		events.Write(e.Raw)
		events.WriteByte('\n')
	}
	instances := []instanceJSON{}
	for _, i := range f.Instances {
		instances = append(instances, instanceJSON{Group: i.Group, ID: i.ID, Index: i.Index, State: i.State})
	}
	taskText, err := indent(f.taskJSON())
	if err != nil {
		return err
	}
	instanceText, err := indent(instances)
	if err != nil {
		return err
	}
	for name, text := range map[string][]byte{
		taskFile: taskText, eventsFile: events.Bytes(), instancesFile: instanceText,
		reportFile: f.report(),
	} {
		text = []byte(plain.Escape(string(text)))                                   // people print them, too; as JSON they stay the same
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil { //nolint:gosec // the tasks of a build read it as other users
			return fmt.Errorf("write %s: %w", name, err)
		}
	}
	// The manifest holds the deployment's credentials.
	if err := os.WriteFile(filepath.Join(dir, manifestFile), f.Deployed.Manifest, 0o600); err != nil {
		return fmt.Errorf("write %s: %w", manifestFile, err)
	}
	return nil
}

func (f *Facts) taskJSON() taskJSON {
	t := taskJSON{
		ID: f.Task.ID, State: f.Task.State, Description: f.Task.Description, Deployment: f.Task.Deployment,
		User: f.Task.User, ContextID: f.Task.ContextID, Result: f.Task.Result,
		StartedAt: whenSet(f.Task.StartedAt), FinishedAt: whenSet(f.Task.FinishedAt),
	}
	if f.Failure != nil {
		t.Stage, t.Instance, t.Error = f.Failure.Stage, f.Failure.Instance, f.Failure.Message
	}
	return t
}

func whenSet(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

func indent(value any) ([]byte, error) {
	text, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode %T: %w", value, err)
	}
	return append(text, '\n'), nil
}

// report is report.md: what happened, for people. What the director says is one line
// wherever it stands.
func (f *Facts) report() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# Deploy of %s\n\n", f.Deployment)
	fmt.Fprintf(&b, "Director task %s: **%s**", strconv.Itoa(f.Task.ID), f.Task.State)
	if !f.Task.StartedAt.IsZero() {
		fmt.Fprintf(&b, ", started %s", f.Task.StartedAt.UTC().Format(time.RFC3339))
	}
	if d := f.Task.FinishedAt.Sub(f.Task.StartedAt); f.Task.Finished() && d > 0 {
		fmt.Fprintf(&b, ", took %s", d.Round(time.Second))
	}
	b.WriteString(".\n")
	if f.Failure != nil {
		fmt.Fprintf(&b, "\nIt failed at %s\n", plain.Line(f.Failure.String()))
	}
	if len(f.checks) > 0 {
		b.WriteString("\n| check | result |\n|---|---|\n")
		for _, c := range f.checks {
			fmt.Fprintf(&b, "| %s | %s |\n", c.name, plain.Line(c.text()))
		}
	}
	b.WriteString("\n| deployed | version |\n|---|---|\n")
	for _, nv := range f.Versions() {
		fmt.Fprintf(&b, "| %s | %s |\n", plain.Value(nv.Name), plain.Value(nv.Version))
	}
	b.WriteString("\n| instance | state |\n|---|---|\n")
	for _, i := range f.Instances {
		fmt.Fprintf(&b, "| %s | %s |\n", plain.Value(fmt.Sprintf("%s/%s (%d)", i.Group, i.ID, i.Index)), plain.Value(i.State))
	}
	return b.Bytes()
}
