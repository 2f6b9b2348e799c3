// Package legacy reads the state of an installation where older releases have kept it,
// unsigned and in clear. A deploy by hand moves it once, and nothing is read there
// afterwards. What it says was signed by nobody.
package legacy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/record"
	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/credential"
	"github.com/perpetual-ci/perpetual/pkg/secret"
	"github.com/perpetual-ci/perpetual/pkg/state"
)

// Where older releases have kept what.
const (
	Configuration = "config.json"
	Credentials   = "credentials.json"
	Record        = "installation.json"
	Lease         = "leases/installation"
)

// folders are those whose documents have the same form today.
var folders = []string{"environment/", "journal/", "paused/"}

// State is what an older release has kept.
type State struct {
	Config      *config.Config    // nil where there is none
	Files       map[string]string // the user's, by name
	Choice      record.Choice
	Findings    record.Findings
	Credentials secret.Values
	Bodies      [][]byte // of all documents, to tell this state from another
}

// kept is the record as it was kept.
type kept struct {
	record.Choice
	record.Findings
	Files map[string]string `json:"files,omitempty"`
}

var format = state.Format{Kind: "installation"}

// Found says whether a store has such a state.
func Found(ctx context.Context, store state.Store) (bool, error) {
	for _, name := range []string{Record, Configuration} {
		_, err := store.Get(ctx, name)
		if err == nil {
			return true, nil
		}
		if !errors.Is(err, state.ErrNotFound) {
			return false, fmt.Errorf("read %s: %w", name, err)
		}
	}
	return false, nil
}

// Load reads it.
func Load(ctx context.Context, store state.Store) (s State, err error) {
	var old kept
	read := func(name string, decode func(body []byte) error) error {
		found, err := store.Get(ctx, name)
		if errors.Is(err, state.ErrNotFound) {
			s.Bodies = append(s.Bodies, nil)
			return nil
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
		s.Bodies = append(s.Bodies, found.Body)
		return decode(found.Body)
	}
	if err := read(Record, func(body []byte) error { return format.Decode(Record, body, &old) }); err != nil {
		return State{}, err
	}
	// No older release has kept where components come from: nobody has said that.
	old.Components = nil
	s.Choice, s.Findings, s.Files = old.Choice, old.Findings, old.Files
	if err := read(Configuration, func(body []byte) (err error) { s.Config, err = config.Decode(Configuration, body); return err }); err != nil {
		return State{}, err
	}
	err = read(Credentials, func(body []byte) (err error) { s.Credentials, err = credential.Decode(Credentials, body); return err })
	if err != nil {
		return State{}, err
	}
	return s, nil
}

// LoadConfig reads the configuration alone; nil where there is none.
func LoadConfig(ctx context.Context, store state.Store) (*config.Config, error) {
	found, err := store.Get(ctx, Configuration)
	if errors.Is(err, state.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", Configuration, err)
	}
	return config.Decode(Configuration, found.Body)
}

// Copy copies the documents that have the same form today below a folder, "run/".
func Copy(ctx context.Context, store state.Store, folder string) error {
	names, err := store.List(ctx, "")
	if err != nil {
		return fmt.Errorf("list the state: %w", err)
	}
	for _, name := range names {
		if inFolder(name, folders) {
			if err := copyOne(ctx, store, name, folder+name); err != nil {
				return err
			}
		}
	}
	return nil
}

// inFolder says whether a document is in one of some folders.
func inFolder(name string, folders []string) bool {
	return slices.ContainsFunc(folders, func(folder string) bool { return strings.HasPrefix(name, folder) })
}

// copyOne copies a document over whatever is at the other name.
func copyOne(ctx context.Context, store state.Store, from, to string) error {
	source, err := store.Get(ctx, from)
	if errors.Is(err, state.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", from, err)
	}
	target, err := store.Get(ctx, to)
	if err != nil && !errors.Is(err, state.ErrNotFound) {
		return fmt.Errorf("read %s: %w", to, err)
	}
	if _, err := store.Put(ctx, to, source.Body, target.Revision); err != nil {
		return fmt.Errorf("write %s: %w", to, err)
	}
	return nil
}

// Clear deletes what was moved. A run that holds the older release's lease keeps that: it
// is given back at the end.
func Clear(ctx context.Context, store state.Store, held bool) error {
	names, err := store.List(ctx, "")
	if err != nil {
		return fmt.Errorf("list the state: %w", err)
	}
	for _, name := range names {
		old := slices.Contains([]string{Configuration, Credentials, Record}, name) || inFolder(name, append([]string{"leases/"}, folders...))
		if !old || name == Lease && held {
			continue
		}
		found, err := store.Get(ctx, name)
		if err == nil {
			err = store.Delete(ctx, name, found.Revision)
		}
		if err != nil && !errors.Is(err, state.ErrNotFound) {
			return fmt.Errorf("delete %s, which was moved: %w", name, err)
		}
	}
	return nil
}
