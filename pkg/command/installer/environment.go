package installer

import (
	"context"
	"errors"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap"
	"github.com/perpetual-ci/perpetual/pkg/createenv"
	"github.com/perpetual-ci/perpetual/pkg/state"
)

// agentPoll is the time between two looks at an agent, as the bosh CLI has it.
const agentPoll = 500 * time.Millisecond

// environmentOf is bootstrap's environment over create-env.
type environmentOf struct{ session *session }

// open makes the adapter for one request.
func (e *environmentOf) open(r bootstrap.EnvironmentRequest, report func(string)) (*createenv.Environment, error) {
	dir, err := e.session.cacheDir()
	if err != nil {
		return nil, err
	}
	return createenv.New(createenv.Options{
		Dir: dir, Documents: &documents{store: r.Store, revisions: map[string]string{}},
		Notify: e.session.Notify, Changes: report, Path: e.session.Env("PATH"), Poll: e.session.Scale(agentPoll),
		Progress: func(event createenv.Event) {
			if line := describeStep(event); line != "" {
				report(line)
			}
		},
	})
}

// describeStep makes a line of what create-env does: "deploying: Creating VM … (12s)".
func describeStep(e createenv.Event) string {
	what := e.Step
	if what == "" {
		what = e.Stage
	} else if e.Stage != "" {
		what = e.Stage + ": " + what
	}
	switch e.Status {
	case createenv.Started:
		return what
	case createenv.Failed:
		return what + ": failed: " + firstLine(e.Reason)
	case createenv.Skipped:
		return what + ": skipped, " + firstLine(e.Reason)
	}
	return "" // the next line tells that this one has ended
}

// firstLine is the first line of a text.
func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
}

// Pending implements bootstrap.Environment.
func (e *environmentOf) Pending(ctx context.Context, r bootstrap.EnvironmentRequest) ([]string, error) {
	env, err := e.open(r, func(string) {})
	if err != nil {
		return nil, err
	}
	return env.Pending(ctx, requestOf(r))
}

// Create implements bootstrap.Environment.
func (e *environmentOf) Create(ctx context.Context, r bootstrap.EnvironmentRequest, report func(string)) (bool, error) {
	env, err := e.open(r, report)
	if err != nil {
		return false, err
	}
	result, err := env.Create(ctx, requestOf(r))
	return result.Changed, err
}

// answering is for how long a director may keep a caller waiting.
const answering = 3 * time.Second

// Answers implements bootstrap.Environment.
func (e *environmentOf) Answers(ctx context.Context, address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	connection, err := (&net.Dialer{Timeout: answering}).DialContext(ctx, "tcp", u.Host)
	if err != nil {
		return false
	}
	_ = connection.Close()
	return true
}

// Delete implements bootstrap.Environment.
func (e *environmentOf) Delete(ctx context.Context, r bootstrap.EnvironmentRequest, report func(string)) error {
	env, err := e.open(r, report)
	if err != nil {
		return err
	}
	return env.Delete(ctx, requestOf(r))
}

// Things implements bootstrap.Environment.
func (e *environmentOf) Things(ctx context.Context, store state.Store) ([]bootstrap.Thing, error) {
	list, err := createenv.Things(ctx, &documents{store: store, revisions: map[string]string{}})
	return thingsOf(list), err
}

// thingsOf are create-env's things by the names that AWS has for them.
func thingsOf(list []createenv.Thing) []bootstrap.Thing {
	kinds := map[createenv.Kind]bootstrap.ThingKind{
		createenv.VM: bootstrap.Instance, createenv.Disk: bootstrap.Volume, createenv.Stemcell: bootstrap.Image,
	}
	things := make([]bootstrap.Thing, len(list))
	for i, t := range list {
		things[i] = bootstrap.Thing{Kind: kinds[t.Kind], ID: t.CID}
	}
	return things
}

func requestOf(r bootstrap.EnvironmentRequest) createenv.Request {
	out := createenv.Request{Manifest: r.Manifest, Vars: r.Vars, Transient: r.Transient, Show: r.Show, Recreate: r.Recreate}
	if r.Inspect != nil {
		out.Inspect = func(ctx context.Context, list []createenv.Thing) (gone []createenv.Thing, err error) {
			missing, err := r.Inspect(ctx, thingsOf(list))
			for i, t := range thingsOf(list) {
				if slices.Contains(missing, t) {
					gone = append(gone, list[i])
				}
			}
			return gone, err
		}
	}
	return out
}

// documents are create-env's, in the state store. What it has not read itself it
// does not overwrite.
type documents struct {
	store state.Store

	mu        sync.Mutex
	revisions map[string]string
}

// Get implements createenv.Documents.
func (d *documents) Get(ctx context.Context, name string) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	found, err := d.store.Get(ctx, name)
	if errors.Is(err, state.ErrNotFound) {
		delete(d.revisions, name)
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	d.revisions[name] = found.Revision
	return found.Body, nil
}

// Put implements createenv.Documents.
func (d *documents) Put(ctx context.Context, name string, body []byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	revision, err := d.store.Put(ctx, name, body, d.revisions[name])
	if err == nil {
		d.revisions[name] = revision
	}
	return err
}

// Delete implements createenv.Documents.
func (d *documents) Delete(ctx context.Context, name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	revision, known := d.revisions[name]
	if !known {
		return nil
	}
	err := d.store.Delete(ctx, name, revision)
	if err == nil || errors.Is(err, state.ErrNotFound) {
		delete(d.revisions, name)
		return nil
	}
	return err
}
