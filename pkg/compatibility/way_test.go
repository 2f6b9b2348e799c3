package compatibility_test

import (
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/compatibility"
)

func TestChoose_takesTheWayThatErrorsNoBuild(t *testing.T) {
	type now = compatibility.Now
	cases := []struct {
		name   string
		now    now
		to     string
		want   compatibility.Way
		reason string
		notes  []string // parts, one of each note
	}{
		{"equal, by the table", now{Version: "8.0.2"}, "8.2.5", compatibility.WebFirst,
			"worker version 2.5 stays: old workers serve builds under the new web node", nil},
		{"newer minor, by the table", now{Version: "7.6.0"}, "7.9.1", compatibility.WorkersFirst,
			"worker version 2.3 → 2.4 is a newer minor: new workers serve builds under the old web node, old workers none under the new web node", nil},
		{"newer minor, from which on network is asked for", now{Version: "7.9.1"}, "7.14.0", compatibility.Quiet,
			"worker version 2.4 → 2.5: old workers serve no builds under the new web node, and containers on new workers have no network under the old web node", nil},
		{"two minors", now{Version: "7.6.0"}, "8.2.5", compatibility.Quiet, "worker version 2.3 → 2.5: old workers serve", nil},
		{"newer major, by the table", now{Version: "8.2.5"}, "8.3.0", compatibility.Quiet,
			"worker version 2.5 → 3.0 is another major: no order of web nodes and workers serves builds", nil},
		{"older minor", now{Version: "7.9.1"}, "7.6.0", compatibility.WebFirst,
			"worker version 2.4 → 2.3 is an older minor: the newer workers serve builds under the older web node", nil},
		{"older minor, which does not ask for network", now{Version: "7.10.0"}, "7.9.1", compatibility.Quiet,
			"worker version 2.5 → 2.4: containers on the workers that run have no network under a web node that is so old", nil},
		{"older major", now{Version: "8.3.0"}, "8.2.5", compatibility.Quiet, "worker version 3.0 → 2.5 is another major", nil},
		{"as written on labels", now{Version: "v8.2.5+dev.1"}, "v8.3.0-rc.1", compatibility.Quiet, "2.5 → 3.0",
			[]string{"Concourse 8.3.0-rc.1 is not in the table of versions (read from"}},

		{"nothing runs yet", now{}, "8.2.5", compatibility.WebFirst, "there is no Concourse yet", nil},
		{"nothing runs yet, an unknown version", now{}, "12.0.0", compatibility.WebFirst, "there is no Concourse yet",
			[]string{"Concourse 12.0.0 is not in the table"}},
		{"no change", now{Version: "8.2.5", Worker: "2.5", Workers: []string{"2.5"}}, "8.2.5", compatibility.WebFirst, "worker version 2.5 stays", nil},

		{"a patch of a known line", now{Version: "8.2.5"}, "8.2.9", compatibility.WebFirst, "worker version 2.5 stays",
			[]string{"Concourse 8.2.9 is not in the table of versions (" + compatibility.Source() + "): it counts as 8.2.5, the newest of its line there"}},
		{"from a patch of a known line", now{Version: "8.2.9"}, "8.3.0", compatibility.Quiet, "2.5 → 3.0", []string{"8.2.9 is not in the table"}},
		{"an unknown line", now{Version: "8.3.0"}, "8.4.0", compatibility.Quiet,
			"the worker version of Concourse 8.4.0 is not known: it counts as another major", []string{"8.4.0 is not in the table of versions (" + compatibility.Source() + "): it counts as a new major; a newer perpetual may know it"}},
		{"from an unknown line", now{Version: "6.7.0"}, "7.0.0", compatibility.Quiet, "the worker version of Concourse 6.7.0 is not known", []string{"6.7.0 is not in the table"}},
		{"no version at all", now{Version: "8.2.5"}, "banana", compatibility.Quiet, "the worker version of Concourse banana is not known", []string{"banana is not in the table"}},

		{"the table lacks what runs, and the ATC reports it", now{Version: "9.9.9", Worker: "3.0", Workers: []string{"3.0"}}, "8.3.0", compatibility.WebFirst, "worker version 3.0 stays", nil},
		{"the ATC counts before the table", now{Version: "8.3.0", Worker: "2.5", Workers: []string{"2.5"}}, "8.3.1", compatibility.Quiet, "2.5 → 3.0", []string{"8.3.1 is not in the table"}},
		{"settings of an unknown version change", now{Version: "9.9.9", Worker: "4.1", Workers: []string{"4.1"}}, "9.9.9", compatibility.WebFirst, "worker version 4.1 stays", nil},
		{"settings of an unknown version change, the ATC is silent", now{Version: "9.9.9"}, "9.9.9", compatibility.WebFirst, "Concourse stays at 9.9.9",
			[]string{"9.9.9 is not in the table"}},
		{"settings of what is not a version change", now{Version: "build-7"}, "build-7", compatibility.WebFirst, "Concourse stays at build-7", []string{"build-7 is not"}},

		{"web 2.5, some workers are new", now{Version: "8.2.5", Worker: "2.5", Workers: []string{"2.5", "3.0"}}, "8.3.0", compatibility.Quiet,
			"2.5 → 3.0 is another major", []string{"workers with worker version 3.0 take no step from the web node with 2.5"}},
		{"web 2.5, all workers are new", now{Version: "8.2.5", Worker: "2.5", Workers: []string{"3.0", "3.0"}}, "8.3.0", compatibility.WebFirst,
			"worker version 2.5 → 3.0, and the workers that run have 3.0 already", []string{"workers with worker version 3.0 take no step"}},
		{"web is new, no worker is", now{Version: "8.3.0", Worker: "3.0", Workers: []string{"2.5"}}, "8.3.0", compatibility.WebFirst,
			"worker version 3.0 stays", []string{"workers with worker version 2.5 take no step from the web node with 3.0, and will not until they or the web node are replaced"}},
		{"web is new, some workers are", now{Version: "8.3.0", Worker: "3.0", Workers: []string{"2.5", "3.0"}}, "8.3.0", compatibility.WebFirst,
			"worker version 3.0 stays", []string{"workers with worker version 2.5 take no step"}},
		{"web is new, no worker is, and back", now{Version: "8.3.0", Worker: "3.0", Workers: []string{"2.5"}}, "8.2.5", compatibility.WebFirst,
			"worker version 3.0 → 2.5, and the workers that run have 2.5 already", []string{"workers with worker version 2.5 take no step"}},
		{"web 2.4, some workers are new", now{Version: "7.9.1", Worker: "2.4", Workers: []string{"2.5", "2.4"}}, "7.14.0", compatibility.Quiet,
			"worker version 2.4 → 2.5: old workers serve", []string{"containers on workers with worker version 2.5 have no network under the web node with 2.4, and will not until they or the web node are replaced"}},
		{"web 2.3, some workers are new", now{Version: "7.6.0", Worker: "2.3", Workers: []string{"2.4", "2.3"}}, "7.9.1", compatibility.WorkersFirst, "2.3 → 2.4 is a newer minor", nil},
		{"web 2.4, all workers are new", now{Version: "7.9.1", Worker: "2.4", Workers: []string{"2.5"}}, "7.14.0", compatibility.WebFirst,
			"worker version 2.4 → 2.5, and the workers that run have 2.5 already", []string{"containers on workers with worker version 2.5 have no network"}},
		{"web is newer by a minor, no worker is", now{Version: "7.14.0", Worker: "2.5", Workers: []string{"2.4"}}, "7.14.0", compatibility.WebFirst,
			"worker version 2.5 stays", []string{"workers with worker version 2.4 take no step from the web node with 2.5"}},
		{"no worker takes a step, and the web node becomes another major", now{Version: "7.14.0", Worker: "2.5", Workers: []string{"2.4"}}, "8.3.0", compatibility.Quiet,
			"2.5 → 3.0", []string{"workers with worker version 2.4 take no step"}},
		{"no worker runs", now{Version: "8.2.5", Worker: "2.5"}, "8.3.0", compatibility.Quiet, "2.5 → 3.0", nil},
		{"workers that report nothing", now{Version: "8.2.5", Worker: "2.5", Workers: []string{"", "?"}}, "8.3.0", compatibility.Quiet, "2.5 → 3.0", nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			for _, wish := range []string{"", "auto"} {
				got, err := compatibility.Choose(c.now, c.to, wish)
				if err != nil {
					t.Fatal(err)
				}
				if got.Way != c.want || !strings.Contains(got.Reason, c.reason) {
					t.Errorf("way = %s, as %s; want %s, as %s", got.Way, got.Reason, c.want, c.reason)
				}
				expectNotes(t, got.Notes, c.notes)
			}
		})
	}
}

func expectNotes(t *testing.T, got, parts []string) {
	t.Helper()
	if len(got) != len(parts) {
		t.Fatalf("notes = %q, want %d: %q", got, len(parts), parts)
	}
	for i := range got {
		if !strings.Contains(got[i], parts[i]) {
			t.Errorf("note %q, want %q", got[i], parts[i])
		}
	}
}

func choose(t testing.TB, now compatibility.Now, to, wish string) compatibility.Choice {
	t.Helper()
	got, err := compatibility.Choose(now, to, wish)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestChoose_takesAWishAndSaysWhatItErrors(t *testing.T) {
	type now = compatibility.Now
	cases := []struct {
		name   string
		now    now
		to     string
		wish   compatibility.Way
		reason string
		note   string // "": none
	}{
		{"the same way", now{Version: "8.0.2"}, "8.2.5", compatibility.WebFirst, "as upgrade.way says; worker version 2.5 stays", ""},
		{"any order is fine", now{Version: "8.0.2"}, "8.2.5", compatibility.WorkersFirst, "as upgrade.way says, where auto would choose web-first; worker version 2.5 stays", ""},
		{"quiet is always fine", now{Version: "8.0.2"}, "8.2.5", compatibility.Quiet, "where auto would choose web-first", ""},
		{"quiet for a minor", now{Version: "7.6.0"}, "7.9.1", compatibility.Quiet, "where auto would choose workers-first", ""},
		{"quiet for the unknown", now{Version: "8.3.0"}, "99.0.0", compatibility.Quiet, "as upgrade.way says; the worker version of Concourse 99.0.0 is not known", "99.0.0 is not in the table"},
		{"web first for a minor", now{Version: "7.6.0"}, "7.9.1", compatibility.WebFirst, "where auto would choose workers-first",
			"web-first errors builds: from the restart of the web node until the first new worker runs, every build on workers with worker version 2.3 errors, as a web node with 2.4 gives them no step"},
		{"workers first where the web node asks for no network", now{Version: "7.9.1"}, "7.14.0", compatibility.WorkersFirst, "where auto would choose quiet",
			"workers-first errors builds: containers on workers with worker version 2.5 have no network until the web node is replaced, as one of worker version 2.4 does not ask for it"},
		{"web first where it asks for none", now{Version: "7.14.0"}, "7.9.1", compatibility.WebFirst, "where auto would choose quiet",
			"web-first errors builds: from the restart of the web node until the first new worker runs, containers on workers with worker version 2.5 have no network"},
		{"web first for a major", now{Version: "8.2.5"}, "8.3.0", compatibility.WebFirst, "where auto would choose quiet",
			"every build on workers with worker version 2.5 errors, as a web node with 3.0 gives them no step"},
		{"workers first for a major", now{Version: "8.2.5"}, "8.3.0", compatibility.WorkersFirst, "where auto would choose quiet",
			"workers-first errors builds: a web node with worker version 2.5 gives no step to workers with 3.0: once they have replaced the old ones, every build errors until the web node is replaced"},
		{"workers first for an older minor", now{Version: "7.9.1"}, "7.6.0", compatibility.WorkersFirst, "where auto would choose web-first",
			"a web node with worker version 2.4 gives no step to workers with 2.3"},
		{"nothing runs yet", now{}, "8.3.0", compatibility.WorkersFirst, "there is no Concourse yet", ""},
		{"no change of an unknown version", now{Version: "99.0.0"}, "99.0.0", compatibility.WorkersFirst, "Concourse stays at 99.0.0", "99.0.0 is not in the table"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := choose(t, c.now, c.to, string(c.wish))
			if got.Way != c.wish || !strings.Contains(got.Reason, c.reason) {
				t.Errorf("way = %s, as %s", got.Way, got.Reason)
			}
			var want []string
			if c.note != "" {
				want = []string{c.note}
			}
			expectNotes(t, got.Notes, want)
		})
	}
	got := choose(t, now{Version: "8.3.0"}, "99.0.0", "web-first")
	expectNotes(t, got.Notes, []string{"99.0.0 is not in the table", "web-first may error every build that runs meanwhile"})
}

func TestChoose_refusesAnUnknownWay(t *testing.T) {
	for _, wish := range []string{"fast", "web_first", "Quiet", " "} {
		got, err := compatibility.Choose(compatibility.Now{Version: "8.2.5"}, "8.3.0", wish)
		if err == nil || got.Way != "" || !strings.Contains(err.Error(), "want auto, web-first, workers-first or quiet") {
			t.Errorf("%q: %+v, %v", wish, got, err)
		}
	}
}
