package upstream_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/boshio"
	"github.com/perpetual-ci/perpetual/pkg/github"
	"github.com/perpetual-ci/perpetual/pkg/resource"
)

// recorded reads answers of real upstreams, which are not part of the repository.
func recorded(t *testing.T, name string, into any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../../shared/data", name))
	if os.IsNotExist(err) {
		t.Skipf("the recorded answers are absent: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// wire is an element of bosh.io's lists.
type wire struct {
	Version string // "621.125"
	URL     string
	SHA1    string
	Light   *boshio.Tarball
	Regular *boshio.Tarball
}

func TestCheck_choosesAmongRecordedBoshVersions(t *testing.T) {
	const (
		concourse = "github.com/concourse/concourse-bosh-release"
		postgres  = "github.com/cloudfoundry/postgres-release"
		bosh      = "github.com/cloudfoundry/bosh"
		xenial    = "bosh-aws-xen-hvm-ubuntu-xenial-go_agent"
		bionic    = "bosh-aws-xen-hvm-ubuntu-bionic-go_agent"
	)
	cases := []struct {
		file  string
		watch resource.Watch
		at    string
		want  string
	}{
		{"releases/github.com_concourse_concourse-bosh-release.json", resource.Watch{Release: concourse}, "", "7.3.2"},
		{"releases/github.com_concourse_concourse-bosh-release.json", resource.Watch{Release: concourse, Version: "6.x"}, "", "6.7.6"},
		{"releases/github.com_concourse_concourse-bosh-release.json", resource.Watch{Release: concourse, Version: "6.x", Deny: []string{"6.7.6", "6.7.5"}}, "6.7.3", "6.7.3 6.7.4"},
		{"releases/github.com_concourse_concourse-bosh-release.json", resource.Watch{Release: concourse, Version: ">=4 <5"}, "", "4.2.7"},
		{"releases/github.com_concourse_concourse-bosh-release.json", resource.Watch{Release: concourse, Version: "<5.1.0", PreRelease: true}, "", "5.1.0-rc.35"},
		{"releases/github.com_concourse_concourse-bosh-release.json", resource.Watch{Release: concourse, Version: "<5.1.0"}, "", "5.0.1"},
		{"releases/github.com_cloudfoundry_postgres-release.json", resource.Watch{Release: postgres}, "9", "9 43"},
		{"releases/github.com_cloudfoundry_bosh.json", resource.Watch{Release: bosh, Version: "268.x"}, "", "268.7.0"},
		{"stemcells/" + xenial + ".all.json", resource.Watch{Stemcell: xenial}, "", "621.125"},
		{"stemcells/" + xenial + ".all.json", resource.Watch{Stemcell: xenial, Version: "456.x"}, "456.118", "456.118 456.160"},
		{"stemcells/" + bionic + ".all.json", resource.Watch{Stemcell: bionic, Version: "1.x"}, "1.1", "1.1 1.13"},
	}
	for _, c := range cases {
		t.Run(c.file+" "+c.watch.Version, func(t *testing.T) {
			var list []wire
			recorded(t, "bosh.io/"+c.file, &list)
			for _, reverse := range []bool{false, true} {
				if reverse {
					slices.Reverse(list)
				}
				d := &depot{releases: map[string][]boshio.Tarball{}, stemcells: map[string][]boshio.Stemcell{}}
				for _, w := range list {
					if c.watch.Stemcell != "" {
						d.stemcells[c.watch.Stemcell] = append(d.stemcells[c.watch.Stemcell], boshio.Stemcell{Version: w.Version, Light: w.Light, Regular: w.Regular})
					} else {
						d.releases[c.watch.Release] = append(d.releases[c.watch.Release], boshio.Tarball{Version: w.Version, URL: w.URL, SHA1: w.SHA1})
					}
				}
				got, log, err := checkOne(t, nil, d, c.watch, c.at)
				if err != nil || got != c.want || log != "" && !strings.HasPrefix(log, "c: passed over 1 pre-release, 5.1.0-rc.35") {
					t.Errorf("reversed %v: versions = %q, log = %q, error = %v, want %q", reverse, got, log, err, c.want)
				}
			}
		})
	}
}

func TestCheck_choosesAmongRecordedTags(t *testing.T) {
	cases := []struct {
		file, constraint string
		want             string
		requests         int
	}{
		{"concourse_concourse.json", "", "8.2.5", 2},
		{"concourse_concourse.json", "6.x", "6.8.0", 3}, // older than 6.7.9
		{"concourse_concourse.json", "5.x", "5.8.1", 3},
		{"concourse_concourse-bosh-release.json", "", "8.3.0", 2},
		{"concourse_concourse-bosh-release.json", "7.x", "7.14.3", 2},
		{"EngineerBetter_control-tower.json", "<0.20", "0.19.5", 2},
		{"cloudfoundry_bpm-release.json", "1.x", "1.4.38", 2},
	}
	for _, c := range cases {
		t.Run(c.file+" "+c.constraint, func(t *testing.T) {
			var list []struct {
				Tag       string
				CreatedAt time.Time `json:"created_at"`
			}
			recorded(t, "github-tags/"+c.file, &list)
			h := &hub{}
			for _, tag := range list {
				h.releases = append(h.releases, github.Release{Tag: tag.Tag, CreatedAt: tag.CreatedAt, PublishedAt: tag.CreatedAt})
			}
			slices.SortFunc(h.releases, func(a, b github.Release) int { return b.CreatedAt.Compare(a.CreatedAt) })
			got, _, err := checkOne(t, h, nil, resource.Watch{GitHub: repo, Version: c.constraint}, "")
			if err != nil || got != c.want {
				t.Errorf("version = %q, error = %v, want %q", got, err, c.want)
			}
			if n := len(h.requests()); n > c.requests {
				t.Errorf("%d requests, want at most %d: %v", n, c.requests, h.requests())
			}
		})
	}
}
