package compatibility_test

import (
	"bytes"
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/Masterminds/semver/v3"

	"github.com/perpetual-ci/perpetual/pkg/compatibility"
)

// file reads the table that is embedded.
func file(t testing.TB) compatibility.File {
	t.Helper()
	text, err := os.ReadFile("versions.json")
	if err != nil {
		t.Fatal(err)
	}
	var f compatibility.File
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&f); err != nil {
		t.Fatal(err)
	}
	return f
}

func TestTable_isWhole(t *testing.T) {
	f := file(t)
	if f.Source != "github.com/concourse/concourse" {
		t.Errorf("source = %q", f.Source)
	}
	if _, err := time.Parse(time.DateOnly, f.Date); err != nil {
		t.Error(err)
	}
	worker := regexp.MustCompile(`^[0-9]+\.[0-9]+$`)
	var before *semver.Version
	for _, e := range f.Versions {
		v, err := semver.StrictNewVersion(e.Version)
		if err != nil {
			t.Errorf("%q: %v", e.Version, err)
			continue
		}
		if before != nil && !v.GreaterThan(before) {
			t.Errorf("%s is behind %s", e.Version, before)
		}
		before = v
		if _, err := time.Parse(time.DateOnly, e.Date); err != nil || e.Date > f.Date {
			t.Errorf("%s is of %q, the table of %s: %v", e.Version, e.Date, f.Date, err)
		}
		if !worker.MatchString(e.Worker) || e.Migration < 1_500_000_000 {
			t.Errorf("%s has worker version %q, migration %d", e.Version, e.Worker, e.Migration)
		}
	}
	if len(f.Versions) < 46 {
		t.Errorf("%d versions, there were 46", len(f.Versions))
	}
}

func TestConcourse_looksVersionsUp(t *testing.T) {
	type version = compatibility.Version
	cases := []struct {
		text string
		want version
	}{
		{"8.2.5", version{Version: "8.2.5", Migration: 1776182280, Worker: "2.5", Match: compatibility.Exact, As: "8.2.5"}},
		{"8.3.0", version{Version: "8.3.0", Migration: 1783024587, Worker: "3.0", Match: compatibility.Exact, As: "8.3.0"}},
		{"v8.2.5", version{Version: "8.2.5", Migration: 1776182280, Worker: "2.5", Match: compatibility.Exact, As: "8.2.5"}},
		{" 8.2.5+dev.1\n", version{Version: "8.2.5", Migration: 1776182280, Worker: "2.5", Match: compatibility.Exact, As: "8.2.5"}},
		{"7.7.0", version{Version: "7.7.0", Migration: 1630515499, Worker: "2.4", Match: compatibility.Exact, As: "7.7.0"}},
		{"7.4.1", version{Version: "7.4.1", Migration: 1627322257, Worker: "2.3", Match: compatibility.Exact, As: "7.4.1"}},
		// Patches of a line that the table has count as its newest, pre-releases too.
		{"8.2.9", version{Version: "8.2.9", Migration: 1776182280, Worker: "2.5", Match: compatibility.Line, As: "8.2.5"}},
		{"v8.3.17+build.9", version{Version: "8.3.17", Migration: 1783024587, Worker: "3.0", Match: compatibility.Line, As: "8.3.0"}},
		{"8.3.0-rc.1", version{Version: "8.3.0-rc.1", Migration: 1783024587, Worker: "3.0", Match: compatibility.Line, As: "8.3.0"}},
		{"7.4.9", version{Version: "7.4.9", Migration: 1625844437, Worker: "2.3", Match: compatibility.Line, As: "7.4.4"}},
		// All else is unknown.
		{"99.4.0", version{Version: "99.4.0"}},
		{"v99.0.0-rc.1+x", version{Version: "99.0.0-rc.1"}},
		{"6.7.9", version{Version: "6.7.9"}},
		{"0.0.0-dev", version{Version: "0.0.0-dev"}},
		{"", version{}},
		{"latest", version{Version: "latest"}},
		{"8.2.5.1", version{Version: "8.2.5.1"}},
	}
	for _, c := range cases {
		if got := compatibility.Concourse(c.text); got != c.want {
			t.Errorf("Concourse(%q) = %+v, want %+v", c.text, got, c.want)
		}
	}
}

func TestNewest_isTheLastOfTheTable(t *testing.T) {
	f := file(t)
	last := f.Versions[len(f.Versions)-1]
	if got := compatibility.Newest(); got.Version != last.Version || got.Match != compatibility.Exact || got.Worker != last.Worker {
		t.Errorf("newest = %+v, want %+v", got, last)
	}
	if got, want := compatibility.Source(), "read from the tags of github.com/concourse/concourse on "+f.Date; got != want {
		t.Errorf("source = %q, want %q", got, want)
	}
}

// TestNeighbours_areToldApart goes through the table up to 8.3.0 by hand: what is here
// was read in release notes and commits, and not by the program.
func TestNeighbours_areToldApart(t *testing.T) {
	ways := map[string]compatibility.Way{
		"7.6.0 7.7.0": compatibility.WorkersFirst, "7.9.1 7.10.0": compatibility.Quiet, "8.2.5 8.3.0": compatibility.Quiet,
	}
	back := map[string]compatibility.Way{"7.9.1 7.10.0": compatibility.Quiet, "8.2.5 8.3.0": compatibility.Quiet}
	migrations := []string{
		"7.1.0 7.2.0", "7.2.0 7.3.0", "7.3.2 7.4.0", "7.4.0 7.4.1", "7.4.2 7.4.3", "7.4.4 7.5.0", "7.5.0 7.6.0", "7.7.1 7.8.0", "7.8.3 7.9.0",
		"7.9.0 7.9.1", "7.13.2 7.14.0", "7.14.3 8.0.0", "8.0.2 8.1.0", "8.1.1 8.2.0", "8.2.5 8.3.0",
	}
	list := file(t).Versions
	for i := 1; i < len(list) && list[i-1].Version != "8.3.0"; i++ {
		older, newer := list[i-1].Version, list[i].Version
		pair := older + " " + newer
		t.Run(pair, func(t *testing.T) {
			want := compatibility.WebFirst
			if way, ok := ways[pair]; ok {
				want = way
			}
			if got := choose(t, compatibility.Now{Version: older}, newer, ""); got.Way != want || len(got.Notes) > 0 {
				t.Errorf("way up = %+v, want %s", got, want)
			}
			want = compatibility.WebFirst
			if way, ok := back[pair]; ok {
				want = way
			}
			if got := choose(t, compatibility.Now{Version: newer}, older, ""); got.Way != want {
				t.Errorf("way down = %+v, want %s", got, want)
			}
			if err := compatibility.Downgrade(older, newer); err != nil {
				t.Errorf("going up is refused: %v", err)
			}
			down := downgrade(t, newer, older)
			if down.Migration != slices.Contains(migrations, pair) || down.WorkerMajor != (pair == "8.2.5 8.3.0") || down.Forbidden() != down.Migration {
				t.Errorf("going down: %+v", down)
			}
		})
	}
}
