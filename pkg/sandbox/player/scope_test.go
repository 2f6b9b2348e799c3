package player_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/player"
)

// hashing is an ATC that says how it hashes.
type hashing struct {
	*fakeATC
	hash string
}

func (a *hashing) Hash() string { return a.hash }

// queue is an ATC in which people have triggered builds.
type queue struct {
	*fakeATC
	waiting []*fakeBuild
}

func (q *queue) Take() player.Build {
	if len(q.waiting) == 0 {
		return nil
	}
	b := q.waiting[0]
	q.waiting = q.waiting[1:]
	return b
}

// typed is loop with an image for its type.
const typed = loop + "resource_types: [{name: perpetual, type: registry-image, source: {tag: 1.2.0}}]\n"

func TestTick_beginsWithoutVersionsInANewScope(t *testing.T) {
	for name, edit := range map[string][2]string{
		"another image":  {"tag: 1.2.0", "tag: 1.3.0"},
		"another source": {"size: 3", "size: 4"},
		"the same":       {"", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, typed, echoes)
			s.tick(t)
			if edit[0] != "" {
				s.atc.config = strings.Replace(typed, edit[0], edit[1], 1)
			}
			if got := s.tick(t); len(got) != 0 {
				t.Errorf("a version that the job has had triggered %q", got)
			}
			calls := slices.DeleteFunc(s.calls(t), func(call string) bool { return !strings.HasPrefix(call, "check") })
			if fresh := !strings.Contains(calls[1], `"version"`); fresh != (edit[0] != "") {
				t.Errorf("the second check is %s", calls[1])
			}
		})
	}
}

// Seen after an upgrade from 7.14 to 8.x: 16 s later a job runs once more by
// itself, for a new image tag has made a new scope, whose versions have other
// hashes than the inputs of past builds.
func TestTick_runsAJobOnceMoreAfterTheHashHasChanged(t *testing.T) {
	s := newSite(t, typed, echoes)
	atc := &hashing{s.atc, "md5"}
	s.player.ATC = atc
	s.tick(t)
	atc.hash = "sha256"
	if got := s.tick(t); len(got) != 0 {
		t.Errorf("the upgrade alone triggered %q", got)
	}
	for _, tag := range []string{"1.3.0", "1.4.0"} {
		s.atc.config = strings.Replace(typed, "1.2.0", tag, 1)
		want := []string{}
		if tag == "1.3.0" {
			want = []string{"ship succeeded"}
		}
		for range 2 {
			if got := s.tick(t); !slices.Equal(got, want) {
				t.Errorf("tag %s: %q, want %q", tag, got, want)
			}
			want = []string{}
		}
	}
}

func TestTick_playsWhatPeopleHaveTriggered(t *testing.T) {
	s := newSite(t, loop, echoes)
	q := &queue{fakeATC: s.atc}
	s.player.ATC = q
	s.tick(t)
	for _, name := range []string{"7", "8"} {
		q.waiting = append(q.waiting, &fakeBuild{atc: s.atc, job: "ship", name: name})
	}
	outcomes, err := s.player.Tick(t.Context())
	if err != nil || len(outcomes) != 2 || outcomes[0].Build != "7" || outcomes[1].Build != "8" || outcomes[1].Status != "succeeded" {
		t.Errorf("outcomes %+v, %v", outcomes, err)
	}
	if n := s.count(t, "out"); n != 3 {
		t.Errorf("%d puts", n)
	}
	q.waiting = []*fakeBuild{{atc: s.atc, job: "none", name: "9"}}
	_, err = s.player.Tick(t.Context())
	wantError(t, err, "the pipeline has no job none")
}
