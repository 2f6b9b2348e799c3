package ledger

import (
	"bytes"
	"encoding/json"
	"fmt"

	biconfig "github.com/cloudfoundry/bosh-cli/v7/config"
	boshuuid "github.com/cloudfoundry/bosh-utils/uuid"
)

// State is the deployment state: bosh-cli reads it from memory and every change
// is in the document before bosh-cli goes on. It implements bosh-cli's
// DeploymentStateService.
type State struct {
	writer *Writer
	uuids  boshuuid.Generator

	state  biconfig.DeploymentState
	stored []byte // the document as it was last read or written; nil: there is none
}

// Open reads the state. It fails with ErrState where the document is not
// a whole state: half of one is never taken for an empty one.
func Open(w *Writer, uuids boshuuid.Generator) (*State, error) {
	s := &State{writer: w, uuids: uuids}
	body, err := w.Get(StateDocument)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", StateDocument, err)
	}
	if body == nil {
		return s, nil
	}
	if s.state, err = decodeState(body); err != nil {
		return nil, err
	}
	s.stored = body
	return s, nil
}

// decodeState reads a state document. It fails with ErrState.
func decodeState(body []byte) (biconfig.DeploymentState, error) {
	var s biconfig.DeploymentState
	explain := "; restore its last whole version, or, if nothing was created yet, delete it"
	if err := json.Unmarshal(body, &s); err != nil {
		return s, fmt.Errorf("%w: %s is not whole: %w%s", ErrState, StateDocument, err, explain)
	}
	if s.DirectorID == "" {
		return s, fmt.Errorf("%w: %s has no director_id%s", ErrState, StateDocument, explain)
	}
	return s, plausible(s)
}

// Path is for bosh-cli's messages only.
func (s *State) Path() string { return StateDocument }

// Exists says whether there is a state.
func (s *State) Exists() bool { return s.stored != nil }

// Recorded gives a copy of the state as it is, also one that names no director.
func (s *State) Recorded() biconfig.DeploymentState {
	found, err := clone(s.state)
	if err != nil { // it was encoded before, or decoded
		return s.state
	}
	return found
}

// Load gives a copy of the state; the first time ever it also names the director.
func (s *State) Load() (biconfig.DeploymentState, error) {
	if s.state.DirectorID == "" {
		id, err := s.uuids.Generate()
		if err != nil {
			return s.state, fmt.Errorf("generate the director's id: %w", err)
		}
		named := s.state
		named.DirectorID = id
		if err := s.Save(named); err != nil {
			return s.state, err
		}
	}
	return clone(s.state)
}

// Save makes next the state, in the document first.
func (s *State) Save(next biconfig.DeploymentState) error {
	body, err := json.MarshalIndent(next, "", "    ")
	if err != nil {
		return fmt.Errorf("encode %s: %w", StateDocument, err)
	}
	if bytes.Equal(body, s.stored) {
		return nil
	}
	if err := s.writer.Put(StateDocument, body); err != nil {
		// In memory it is true all the same: the error at the end tells what exists.
		s.state, _ = clone(next)
		return err
	}
	s.state, s.stored = next, body
	return nil
}

// Forget takes what is deleted out of the state.
func (s *State) Forget(gone Thing) error {
	next, err := s.Load()
	if err != nil {
		return err
	}
	var f Finding
	f.forget(&next, gone)
	return s.Save(next)
}

// Cleanup removes the state of an environment that is gone.
func (s *State) Cleanup() error {
	if s.stored == nil {
		return nil
	}
	if err := s.writer.Remove(StateDocument); err != nil {
		return err
	}
	s.state, s.stored = biconfig.DeploymentState{}, nil
	return nil
}

// clone is a deep copy: bosh-cli changes the slices of what it has loaded.
func clone(s biconfig.DeploymentState) (biconfig.DeploymentState, error) {
	body, err := json.Marshal(s)
	if err != nil {
		return s, fmt.Errorf("encode %s: %w", StateDocument, err)
	}
	var out biconfig.DeploymentState
	if err := json.Unmarshal(body, &out); err != nil {
		return s, fmt.Errorf("decode %s: %w", StateDocument, err)
	}
	return out, nil
}
