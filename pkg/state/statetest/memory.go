package statetest

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/state"
)

var errCut = errors.New("connection refused")

// Memory is a store in memory whose clock and network a test sets. Each process of a
// test uses it through a View of its own.
type Memory struct {
	mu        sync.Mutex
	documents map[string]state.Document
	offset    time.Duration // of the store's clock
	writes    int
}

// NewMemory is an empty one whose clock is right.
func NewMemory() *Memory { return &Memory{documents: map[string]state.Document{}} }

// Jump sets the store's clock forward, or back.
func (m *Memory) Jump(by time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.offset += by
}

// Writes is how many writes took effect.
func (m *Memory) Writes() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.writes
}

func (m *Memory) now() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.time()
}

// time has the resolution of S3's headers.
func (m *Memory) time() time.Time { return time.Now().Add(m.offset).Truncate(time.Second) }

// View is the store as one process sees it.
type View struct {
	*Memory
	Fault func(call string) Fault // of "get", "put" and "now"; nil: none
}

// Fault is what becomes of a call.
type Fault int

// The faults of a call.
const (
	Fine      Fault = iota
	Cut             // fails before it arrives
	LostReply       // takes effect, and fails
	Hang            // takes as long as its context allows
)

// strike lets the fault happen before a call, and says whether its reply is lost.
func (v *View) strike(ctx context.Context, call string) (lost bool, err error) {
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	if v.Fault == nil {
		return false, nil
	}
	switch v.Fault(call) {
	case Cut:
		return false, errCut
	case Hang:
		<-ctx.Done()
		return false, ctx.Err()
	case LostReply:
		return true, nil
	}
	return false, nil
}

// Get implements state.Store.
func (v *View) Get(ctx context.Context, name string) (state.Document, error) {
	if lost, err := v.strike(ctx, "get"); err != nil || lost {
		return state.Document{}, errors.Join(err, errCut)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	document, found := v.documents[name]
	if !found {
		return document, state.ErrNotFound
	}
	return document, nil
}

// Put implements state.Store.
func (v *View) Put(ctx context.Context, name string, body []byte, revision string) (string, error) {
	lost, err := v.strike(ctx, "put")
	if err != nil {
		return "", err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.documents[name].Revision != revision {
		return "", state.ErrConflict
	}
	v.writes++
	next := fmt.Sprint("r", v.writes)
	v.documents[name] = state.Document{Body: append([]byte(nil), body...), Revision: next, Modified: v.time()}
	if lost {
		return "", errCut
	}
	return next, nil
}

// Delete implements state.Store.
func (v *View) Delete(_ context.Context, name, revision string) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	document, found := v.documents[name]
	switch {
	case !found:
		return state.ErrNotFound
	case document.Revision != revision:
		return state.ErrConflict
	}
	delete(v.documents, name)
	return nil
}

// List implements state.Store.
func (v *View) List(_ context.Context, prefix string) ([]string, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	names := []string{}
	for name := range v.documents {
		if strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	return names, nil
}

// Now implements state.Store.
func (v *View) Now(ctx context.Context) (time.Time, error) {
	if _, err := v.strike(ctx, "now"); err != nil {
		return time.Time{}, err
	}
	return v.now(), nil
}
