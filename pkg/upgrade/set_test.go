package upgrade_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/resource"
)

// fakeSets keeps the set of one deployment.
type fakeSets struct {
	text string
	err  error // of every call
}

func (s *fakeSets) SaveSet(_ context.Context, text string) error {
	if s.err == nil {
		s.text = text
	}
	return s.err
}

func (s *fakeSets) LoadSet(context.Context) (string, error) { return s.text, s.err }

// upgraded puts, lets the deploy end, and gives its task.
func (f *fixture) upgraded(t *testing.T, edit func(*resource.OutParams)) string {
	t.Helper()
	result, err := f.out(t.Context(), edit)
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(2 * time.Minute)
	if _, err := f.director.Tasks(t.Context(), bosh.TaskFilter{}); err != nil { // which ends it
		t.Fatal(err)
	}
	f.atc.looks = []look{good()}
	return result.Version["task"]
}

func TestIn_comparesTheDeploymentWithTheSetOfItsPut(t *testing.T) {
	pinned := func(t *testing.T, f *fixture) func(*resource.OutParams) {
		f.replaced(t, literalStemcell, `name: `+stemcellName+`, version: "1.1340"`)
		return func(p *resource.OutParams) { p.IgnoreSet = []string{"stemcell"} }
	}
	deploys := func(f *fixture, t *testing.T, vars map[string]any) {
		f.director.record("concourse", f.manifest(t, vars))
	}
	for name, c := range map[string]struct {
		put   func(t *testing.T, f *fixture) func(*resource.OutParams)
		after func(t *testing.T, f *fixture)
		want  string // in the log
		err   string
	}{
		"which was deployed": {want: "component set: deployed\n"},
		"which params ignore in part": {put: pinned,
			want: "component set: deployed; stemcell: the set has 1.1364, the manifest 1.1340, as params.ignore_set says\n"},
		"and somebody has deployed another since": {
			after: func(t *testing.T, f *fixture) {
				deploys(f, t, map[string]any{"concourse_version": "8.2.1"})
			},
			err: "component set: the deployed manifest differs from it: stemcell: the set has 1.1364, the manifest 1.1340",
		},
		"which latest has not become": {
			put: func(t *testing.T, f *fixture) func(*resource.OutParams) {
				f.replaced(t, "((concourse_version))", "latest")
				return nil
			},
			after: func(t *testing.T, f *fixture) { f.director.deployed["concourse"].Releases[0].Version = "8.2.2" },
			err:   "concourse: the set has 8.2.1, the manifest 8.2.2",
		},
		"which a newer deploy changes": {
			after: func(t *testing.T, f *fixture) {
				deploys(f, t, nil)
				f.director.add(foreign("create deployment", time.Hour, bosh.StateDone))
			},
			want: "component set: not judged: director task ",
		},
		"which was not kept": {
			put: func(_ *testing.T, f *fixture) func(*resource.OutParams) {
				f.sets.err = errors.New("403")
				return nil
			},
			after: func(_ *testing.T, f *fixture) { f.sets.err = nil },
			want:  "component set: not compared: no put has left the set of this deploy\n",
		},
		"which cannot be read": {
			after: func(_ *testing.T, f *fixture) { f.sets.err = errors.New("403") },
			want:  "component set: not compared: it cannot be read: 403\n",
		},
		"which is damaged": {
			after: func(_ *testing.T, f *fixture) { f.sets.text = "[" },
			want:  "component set: not compared: what is kept of it is damaged; the next put replaces it\n",
		},
		"which is damaged, and reads as an empty one": {
			after: func(_ *testing.T, f *fixture) { f.sets.text = "{}" },
			want:  "component set: not compared: what is kept of it is damaged; the next put replaces it\n",
		},
		"but that of another put": {
			after: func(_ *testing.T, f *fixture) { f.sets.text = `{"operation": "0123456789abcdef01", "components": []}` },
			want:  "component set: not compared: no put has left the set of this deploy\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(t *testing.T, f *fixture) {
				var edit func(*resource.OutParams)
				if c.put != nil {
					edit = c.put(t, f)
				}
				task := f.upgraded(t, edit)
				if c.after != nil {
					c.after(t, f)
				}
				began := time.Now()
				_, err := f.in(t.Context(), task, t.TempDir(), resource.InParams{Verify: true})
				switch {
				case c.err != "":
					wantError(t, err, c.err)
				case err != nil:
					t.Error(err)
				}
				if took := time.Since(began); took > 0 && c.err != "" {
					t.Errorf("it was asked for %s: nothing of it passes by itself", took)
				}
				wantText(t, "log", f.log.String(), c.want)
			})
		})
	}
}

func TestOut_saysThatASetIsNotKept(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		f.sets.err = fmt.Errorf("save: %w", bosh.ErrForbidden)
		if _, err := f.out(t.Context(), nil); err != nil || f.count("deploy") != 1 {
			t.Errorf("effects %q, %v", f.all(), err)
		}
		wantText(t, "log", f.log.String(), "the component set is not kept for the verification, which will compare with the manifest alone: save: the director's client may not do this")
	})
}

// Who started the deploy may have been killed before it had kept the set, whether the
// deploy still runs when the next one comes or not.
func TestOut_keepsTheSetOfADeployThatIsDone(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		f.upgraded(t, nil)
		kept := f.sets.text
		f.sets.text = ""
		result, err := f.out(t.Context(), nil)
		if err != nil || metadata(result)["deploy"] != "nothing to deploy" || f.sets.text != kept || kept == "" {
			t.Errorf("%v, %v, kept %q, want %q", result, err, f.sets.text, kept)
		}
		// What somebody else has deployed as it is wanted was no put's.
		f.sets.text = ""
		f.director.add(foreign("create deployment", time.Second, bosh.StateDone))
		time.Sleep(time.Minute)
		if _, err := f.out(t.Context(), nil); err != nil || f.sets.text != "" {
			t.Errorf("%v, kept %q", err, f.sets.text)
		}
	})
}

// The same while it still runs.
func TestOut_keepsTheSetOfADeployThatItJoins(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		if _, err := f.out(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		f.sets.text = ""
		result, err := f.out(t.Context(), nil)
		if err != nil || metadata(result)["deploy"] != "joined: it was running already" || f.sets.text == "" {
			t.Errorf("%v, %v, kept %q", result, err, f.sets.text)
		}
	})
}
