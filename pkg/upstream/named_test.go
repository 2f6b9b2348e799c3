package upstream_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/boshio"
	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/dial"
	"github.com/perpetual-ci/perpetual/pkg/resource"
)

// Where the server of a list is goes with each URL, to the download and into the set:
// without it a mirror inside could name nothing, and with another one everything.
func TestIn_saysWhereTheServerOfEachURLIs(t *testing.T) {
	for _, n := range []dial.Network{dial.Internet, dial.Private, dial.Loopback} {
		source, h, d, version := deployable()
		delete(source.Watch, "plain")
		delete(version, "plain")
		for i := range d.releases[bpm] {
			d.releases[bpm][i].Network = n
		}
		d.stemcells[jam][0].Light.Network = n
		for i := range h.releases[0].Assets {
			h.releases[0].Assets[i].Network = n
		}
		files := &store{}
		s := newSet(h, d, &bytes.Buffer{})
		s.Fetcher = files
		dir, _, err := in(t, s, source, version, "all")
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files.asked {
			if f.Network != n {
				t.Errorf("%s is fetched as named from %q, want %q", f.Name, f.Network, n)
			}
		}
		set, err := component.ReadSet(dir)
		if err != nil || len(files.asked) < len(version) {
			t.Fatalf("%d files, error %v", len(files.asked), err)
		}
		for _, c := range set {
			if c.Network != n && c.Name != "two-assets" { // which has no file of its own
				t.Errorf("%s is in the set as named from %q, want %q", c.Name, c.Network, n)
			}
		}
	}
}

func TestCheck_saysWhereTheServerOfADatedURLIs(t *testing.T) {
	list := tarballs("1.4.38")
	list[0].Network = dial.Private
	d := &depot{releases: map[string][]boshio.Tarball{bpm: list}, published: map[string]time.Time{list[0].URL: ago(30)}}
	source := watching(resource.Watch{Release: bpm, MinAge: resource.Duration{Duration: 24 * time.Hour}})
	if _, err := newSet(nil, d, &bytes.Buffer{}).Check(t.Context(), source, nil); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(d.from, []dial.Network{dial.Private}) {
		t.Errorf("dates were asked for URLs named from %q", d.from)
	}
}
