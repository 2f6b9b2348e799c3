package state_test

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

// memory is a store whose clock and network a test sets.
type memory struct {
	mu        sync.Mutex
	documents map[string]state.Document
	offset    time.Duration // of the store's clock
	writes    int
}

func newMemory() *memory { return &memory{documents: map[string]state.Document{}} }

// jump sets the store's clock.
func (m *memory) jump(by time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.offset += by
}

// count is how many writes took effect.
func (m *memory) count() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.writes
}

func (m *memory) now() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.time()
}

// time has the resolution of S3's headers.
func (m *memory) time() time.Time { return time.Now().Add(m.offset).Truncate(time.Second) }

// view is how one process sees the store.
type view struct {
	*memory
	fault func(call string) fault // nil: none
}

// fault is what becomes of a call.
type fault int

const (
	fine      fault = iota
	cut             // fails before it arrives
	lostReply       // takes effect, and fails
	hang            // takes as long as its context allows
)

// strike lets the fault happen before a call, and says whether its reply is lost.
func (v *view) strike(ctx context.Context, call string) (lost bool, err error) {
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	if v.fault == nil {
		return false, nil
	}
	switch v.fault(call) {
	case cut:
		return false, errCut
	case hang:
		<-ctx.Done()
		return false, ctx.Err()
	case lostReply:
		return true, nil
	}
	return false, nil
}

func (v *view) Get(ctx context.Context, name string) (state.Document, error) {
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

func (v *view) Put(ctx context.Context, name string, body []byte, revision string) (string, error) {
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

func (v *view) Delete(_ context.Context, name, revision string) error {
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

func (v *view) List(_ context.Context, prefix string) ([]string, error) {
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

func (v *view) Now(ctx context.Context) (time.Time, error) {
	if _, err := v.strike(ctx, "now"); err != nil {
		return time.Time{}, err
	}
	return v.now(), nil
}
