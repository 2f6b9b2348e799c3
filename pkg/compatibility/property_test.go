package compatibility_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/Masterminds/semver/v3"

	"github.com/perpetual-ci/perpetual/pkg/compatibility"
)

// takes says whether a worker gets steps from a web, by the two sentences of Concourse's
// documentation in the words of another library, and whether these then work: workers
// since 2.5 cut off what a web before 2.5 starts.
func takes(t *testing.T, web, worker string) bool {
	t.Helper()
	constraint, err := semver.NewConstraint("^" + web)
	if err != nil {
		t.Fatal(err)
	}
	cut := web < "2.5" && worker >= "2.5" // both of one digit each
	return constraint.Check(semver.MustParse(worker)) && !cut
}

// erred plays an upgrade and says whether a build that ran before it, or that starts in
// it, finds no worker. A build runs on a worker that takes steps from the web that runs
// then; a worker that leaves ends its builds first.
func erred(t *testing.T, way compatibility.Way, web string, workers []string, to string) bool {
	t.Helper()
	served := slices.DeleteFunc(slices.Clone(workers), func(w string) bool { return !takes(t, web, w) })
	if len(served) == 0 {
		return false
	}
	switch way {
	case compatibility.WebFirst:
		return slices.ContainsFunc(served, func(w string) bool { return !takes(t, to, w) })
	case compatibility.WorkersFirst:
		return !takes(t, web, to)
	}
	return false
}

func TestChoose_neverErrorsABuild(t *testing.T) {
	all := []string{"2.3", "2.4", "2.5", "3.0", "3.1"}
	target := map[string]string{"2.3": "7.6.0", "2.4": "7.9.1", "2.5": "8.2.5", "3.0": "8.3.0"}
	for _, web := range all {
		for to, version := range target {
			for mask := range 1 << len(all) {
				var fleet []string
				for i, w := range all {
					if mask&(1<<i) != 0 {
						fleet = append(fleet, w)
					}
				}
				now := compatibility.Now{Version: "99.0.0", Worker: web, Workers: fleet}
				if len(fleet) == 0 {
					fleet = []string{web}
				}
				got := choose(t, now, version, "")
				if erred(t, got.Way, web, fleet, to) {
					t.Errorf("web %s, workers %v, to %s: %s errors builds (%s)", web, fleet, to, got.Way, got.Reason)
				}
				// Quiet costs people a pause: it is chosen only where nothing else goes.
				if got.Way == compatibility.Quiet && takes(t, web, to) {
					t.Errorf("web %s, workers %v, to %s: quiet for nothing (%s)", web, fleet, to, got.Reason)
				}
				for _, wish := range []compatibility.Way{compatibility.WebFirst, compatibility.WorkersFirst, compatibility.Quiet} {
					wished := choose(t, now, version, string(wish))
					said := slices.ContainsFunc(wished.Notes, func(n string) bool { return strings.Contains(n, "errors builds") })
					if erred(t, wish, web, fleet, to) && !said {
						t.Errorf("web %s, workers %v, to %s: %s errors builds, and no note says so: %q", web, fleet, to, wish, wished.Notes)
					}
				}
			}
		}
	}
}

func TestTable_everyPairIsAnUpgradeOrADowngrade(t *testing.T) {
	list := file(t).Versions
	for i, low := range list {
		crossed := false
		for _, high := range list[i+1:] {
			if err := compatibility.Downgrade(low.Version, high.Version); err != nil {
				t.Errorf("%s → %s: %v", low.Version, high.Version, err)
			}
			down := downgrade(t, high.Version, low.Version)
			// What was forbidden for the workers stays so from any higher version.
			if crossed && !down.WorkerMajor {
				t.Errorf("%s → %s crosses a worker major that a shorter way crosses", high.Version, low.Version)
			}
			crossed = crossed || down.WorkerMajor
			if down.WorkerMajor && choose(t, compatibility.Now{Version: low.Version}, high.Version, "").Way != compatibility.Quiet {
				t.Errorf("%s → %s crosses a worker major, and is not quiet", low.Version, high.Version)
			}
			if !down.Forbidden() && low.Migration != high.Migration {
				t.Errorf("%s → %s crosses a migration, and is not forbidden", high.Version, low.Version)
			}
		}
	}
}

func TestTable_unlistedPatchesAreLikeTheNewestOfTheirLine(t *testing.T) {
	list := file(t).Versions
	for i, e := range list {
		v := semver.MustParse(e.Version)
		next := v.IncPatch()
		if i+1 < len(list) && list[i+1].Version == next.String() {
			continue
		}
		for _, patch := range []string{next.String(), next.String() + "-rc.2", next.String() + "+dev.4"} {
			got := compatibility.Concourse(patch)
			if got.Match != compatibility.Line || got.As != e.Version || got.Worker != e.Worker || got.Migration != e.Migration {
				t.Errorf("%s is %+v, want it to count as %s", patch, got, e.Version)
			}
			if err := compatibility.Downgrade(e.Version, patch); err != nil {
				t.Errorf("%s → %s: %v", e.Version, patch, err)
			}
			if strings.Contains(patch, "-") {
				continue
			}
			if down := downgrade(t, patch, e.Version); down.Forbidden() {
				t.Errorf("%s → %s: %v", patch, e.Version, down)
			}
		}
	}
}

func FuzzConcourse(f *testing.F) {
	for _, text := range []string{"8.2.5", "v8.3.0", "8.2.9-rc.1+dev.7", "", "latest", "8", "8.2.5.1", "99999999999999999999.0.0", "v", "08.02.05", "8.2.5\n8.3.0"} {
		f.Add(text, "7.14.0")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		got := compatibility.Concourse(a)
		if again := compatibility.Concourse(got.Version); again != got {
			t.Errorf("%q is %+v, and its version %+v", a, got, again)
		}
		if known := got.Match != compatibility.Unknown; known != (got.Migration > 0) || known != (got.Worker != "") || known != (got.As != "") {
			t.Errorf("%q is half known: %+v", a, got)
		}
		there, back := compatibility.Downgrade(a, b), compatibility.Downgrade(b, a)
		if there != nil && back != nil {
			t.Errorf("%q and %q are both lower: %v; %v", a, b, there, back)
		}
		for _, err := range []error{there, back} {
			var down *compatibility.DowngradeError
			if err != nil && (!errors.As(err, &down) || !strings.Contains(err.Error(), down.From) || !strings.Contains(err.Error(), down.To)) {
				t.Errorf("error %v", err)
			}
		}
	})
}

func FuzzChoose(f *testing.F) {
	f.Add("8.2.5", "2.5", "2.5 3.0", "8.3.0", "auto")
	f.Add("", "", "", "8.3.0", "")
	f.Add("9.9.9", "", "x", "9.9.9", "quiet")
	f.Add("v8.2.5+dev.1", "3", "2.5.1-rc 3.0", "8", "workers-first")
	f.Fuzz(func(t *testing.T, version, worker, workers, to, wish string) {
		now := compatibility.Now{Version: version, Worker: worker, Workers: strings.Split(workers, " ")}
		got, err := compatibility.Choose(now, to, wish)
		ways := []compatibility.Way{compatibility.WebFirst, compatibility.WorkersFirst, compatibility.Quiet}
		wished := slices.Contains(ways, compatibility.Way(wish))
		if known := wish == "" || wish == compatibility.Auto || wished; known != (err == nil) {
			t.Fatalf("wish %q: %v", wish, err)
		}
		if err != nil {
			return
		}
		if !slices.Contains(ways, got.Way) || wished && string(got.Way) != wish || got.Reason == "" || slices.Contains(got.Notes, "") {
			t.Errorf("choice = %+v", got)
		}
		auto := choose(t, now, to, "")
		if auto.Way != got.Way && !strings.Contains(got.Reason, string(auto.Way)) {
			t.Errorf("%q hides that auto would choose %s", got.Reason, auto.Way)
		}
	})
}
