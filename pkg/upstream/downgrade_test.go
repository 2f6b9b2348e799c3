package upstream_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perpetual-ci/perpetual/pkg/boshio"
	"github.com/perpetual-ci/perpetual/pkg/resource"
)

const concourse = "github.com/concourse/concourse-bosh-release"

func TestCheck_neverGoesBackToAConcourseThatCouldNotRun(t *testing.T) {
	cases := []struct {
		name     string
		key      string
		upstream string
		offers   []string
		allow    bool
		at       string
		want     string
		log      []string
	}{
		{"across a migration and a worker major", "concourse", concourse, []string{"8.2.4", "8.2.5"}, true, "8.3.0", "8.3.0",
			[]string{"concourse: staying with 8.3.0, as going back is not possible in this way: Concourse 8.2.5 is older than the 8.3.0 that is deployed", "migrated down to 1776182280"}},
		{"across a migration", "concourse", concourse, []string{"7.14.3"}, true, "8.0.0", "8.0.0", []string{"staying with 8.0.0", "7.14.3"}},
		{"not allowed either", "concourse", concourse, []string{"7.14.3"}, false, "8.0.0", "8.0.0", []string{"staying with 8.0.0", "7.14.3", "migrated down"}},
		{"under another name", "ci", concourse, []string{"7.14.3"}, true, "8.0.0", "8.0.0", []string{"ci: staying with 8.0.0"}},
		{"of a fork under another name", "ci", "github.com/acme/concourse-bosh-release", []string{"7.14.3"}, true, "8.0.0", "8.0.0", []string{"ci: staying with 8.0.0"}},
		{"of another repository under its name", "concourse", "github.com/acme/boshrelease", []string{"7.14.3"}, true, "8.0.0", "8.0.0", []string{"concourse: staying with 8.0.0"}},
		{"from a version that the table lacks", "concourse", concourse, []string{"8.2.5"}, true, "99.0.0", "99.0.0", []string{"staying with 99.0.0", "does not know 99.0.0"}},
		{"within a schema", "concourse", concourse, []string{"8.2.1"}, true, "8.2.5", "8.2.5 8.2.1", []string{"concourse: going back from 8.2.5 to 8.2.1, as allow_downgrade says\n"}},
		{"within a schema, not allowed", "concourse", concourse, []string{"8.2.1"}, false, "8.2.5", "8.2.5", []string{"or never was; staying with it, as 8.2.1 is older (allow_downgrade would go back)"}},
		{"another release", "bpm", bpm, []string{"1.0.0"}, true, "8.3.0", "8.3.0 1.0.0", []string{"bpm: going back from 8.3.0 to 1.0.0"}},
		{"newer", "concourse", concourse, []string{"8.3.0"}, false, "8.2.5", "8.2.5 8.3.0", []string{"8.2.5 was withdrawn upstream, or never was; 8.3.0 follows it"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d := &depot{releases: map[string][]boshio.Tarball{c.upstream: tarballs(c.offers...)}}
			source := resource.Source{Watch: map[string]resource.Watch{c.key: {Release: c.upstream, AllowDowngrade: c.allow}}}
			var log bytes.Buffer
			versions, err := newSet(nil, d, &log).Check(t.Context(), source, resource.Version{c.key: c.at})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, v := range versions {
				got = append(got, v[c.key])
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("versions = %v, want %s", got, c.want)
			}
			for _, part := range c.log {
				if !strings.Contains(log.String(), part) {
					t.Errorf("log %q lacks %q", log.String(), part)
				}
			}
			if strings.Count(log.String(), "\n") != 1 {
				t.Errorf("log = %q, want one line", log.String())
			}
		})
	}
}

func TestCheck_saysWhatAGivenVersionIsThatNamesNoComponent(t *testing.T) {
	source, h, d := wholeSource()
	newest := resource.Version{"bpm": "1.4.38", "postgres": "54.0.5", "stemcell": "1.484", "perpetual": "1.3.0"}
	dropped := resource.Version{"bpm": "1.4.38", "postgres": "54.0.5", "stemcell": "1.484", "perpetual": "1.3.0", "credhub": "2.0.0", "uaa": "7\n8"}
	cases := []struct {
		name  string
		given resource.Version
		log   string
	}{
		{"components that are watched no longer", dropped,
			"\"credhub\": the given version names it, with \"2.0.0\", and source.watch does not: newer versions are without it\n" +
				"\"uaa\": the given version names it, with \"7\\n8\", and source.watch does not: newer versions are without it\n"},
		{"the version of a deployment", resource.Version{"task": "1234"},
			"the given version is not a set of this source: it names \"task\", and source.watch has bpm, perpetual, postgres, stemcell; the newest set follows it\n"},
		{"the version of something else", resource.Version{"ref": "61cbef", "branch\n": "x"},
			"the given version is not a set of this source: it names \"branch\\n\", \"ref\", and source.watch has bpm, perpetual, postgres, stemcell; the newest set follows it\n"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var log bytes.Buffer
			got, err := newSet(h, d, &log).Check(t.Context(), source, c.given)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]resource.Version{c.given, newest}, got); diff != "" {
				t.Errorf("versions (-want +got):\n%s", diff)
			}
			if log.String() != c.log {
				t.Errorf("log = %q, want %q", log.String(), c.log)
			}
		})
	}
}
