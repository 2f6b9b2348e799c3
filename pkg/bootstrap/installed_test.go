package bootstrap_test

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/perpetual-ci/perpetual/pkg/secret"
	"github.com/perpetual-ci/perpetual/pkg/state"
)

// installed is a cloud with an installation as the first deploy of given leaves it.
func installed(t *testing.T) *cloud { return installedBy(t, "") }

// snapshots are such clouds, by their pipelineUser: a deploy is most of what many tests
// take under the race detector.
var snapshots = struct {
	mu   sync.Mutex
	list map[string]*snapshot
}{list: map[string]*snapshot{}}

// snapshot is a cloud after a deploy, and the files of its state.
type snapshot struct {
	cloud *cloud
	files fstest.MapFS
}

// installedBy is installed with what newCloud leaves to the test: the user of the pipeline.
func installedBy(t *testing.T, pipelineUser string) *cloud {
	t.Helper()
	snapshots.mu.Lock()
	defer snapshots.mu.Unlock()
	made := snapshots.list[pipelineUser]
	if made == nil {
		c := newCloud()
		c.pipelineUser = pipelineUser
		if at := c.deploy(t, given()); at.Step != "deploy" {
			t.Fatal(at)
		}
		made = &snapshot{c, fstest.MapFS{}}
		err := fs.WalkDir(os.DirFS(c.dir), ".", func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			body, err := os.ReadFile(filepath.Join(c.dir, name))
			made.files[name] = &fstest.MapFile{Data: body, Mode: 0o600}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		snapshots.list[pipelineUser] = made
	}
	return made.copy(t)
}

// copy is the same cloud again, with a store of its own.
func (s *snapshot) copy(t *testing.T) *cloud {
	t.Helper()
	from, c := s.cloud, newCloud()
	stack := *from.stack
	c.stack, c.applied, c.vm, c.vmOf, c.bucket, c.pipelineUser = &stack, slices.Clone(from.applied), from.vm, from.vmOf, from.bucket, from.pipelineUser
	c.parameters, c.tags, c.keys, c.made = maps.Clone(from.parameters), maps.Clone(from.tags), maps.Clone(from.keys), from.made
	for user, list := range c.keys {
		c.keys[user] = slices.Clone(list)
	}
	c.env, c.needs, c.planned = slices.Clone(from.env), slices.Clone(from.needs), from.planned
	c.operator.made, c.operator.seen = from.operator.made, from.operator.seen
	c.operator.seen.Documents = maps.Clone(from.operator.seen.Documents)
	c.open = c.store(t)
	store, err := state.NewDir(c.dir)
	if err == nil {
		err = os.CopyFS(c.dir, s.files)
	}
	if err != nil {
		t.Fatal(err)
	}
	c.stores["ci"] = store
	return c
}

// A copy has all that a deploy leaves.
func TestInstalled_isAsADeployLeavesIt(t *testing.T) {
	c := newCloud()
	c.deploy(t, given())
	c.written()
	again := installed(t)
	for _, each := range []*cloud{c, again} {
		if len(each.operator.seen.Documents) == 0 || len(each.stores) != 1 {
			t.Errorf("seen %v, stores %v", each.operator.seen, each.stores)
		}
		// What differs from one deploy to the next: times, keys, and where files are; and the
		// password, where a test between has generated fuller credentials.
		each.stack.DatabasePassword, each.planned.DatabasePassword = secret.Value{}, secret.Value{}
		for i := range each.applied {
			each.applied[i].DatabasePassword = secret.Value{}
		}
		each.operator, each.open, each.stores, each.dir, each.env, each.vmOf, each.parameters = nil, nil, nil, "", each.env[:0], "", nil
	}
	if !reflect.DeepEqual(again, c) {
		t.Errorf("the copy is\n%+v\nwant\n%+v", again, c)
	}
}
