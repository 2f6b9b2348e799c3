package upstream_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/boshio"
	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/resource"
)

func light(v string) *boshio.Tarball {
	return &boshio.Tarball{URL: "https://light/" + v, SHA1: "light sha1 " + v, SHA256: "light sha256 " + v, Size: 1}
}

func regular(v string) *boshio.Tarball {
	return &boshio.Tarball{URL: "https://heavy/" + v, SHA1: "heavy sha1 " + v, SHA256: "heavy sha256 " + v, Size: 2}
}

// stemcells reads "1.1:lr 1.2:r" as versions with light and regular tarballs.
func stemcells(text string) []boshio.Stemcell {
	var list []boshio.Stemcell
	for _, field := range strings.Fields(text) {
		version, kinds, _ := strings.Cut(field, ":")
		s := boshio.Stemcell{Version: version}
		if strings.Contains(kinds, "l") {
			s.Light = light(version)
		}
		if strings.Contains(kinds, "r") {
			s.Regular = regular(version)
		}
		list = append(list, s)
	}
	return list
}

func TestCheck_choosesStemcellsOfOneTypeOnly(t *testing.T) {
	waiting := "c: 1.3 is not offered: it has no light tarball yet\n"
	cases := []struct {
		name   string
		offers string
		watch  resource.Watch
		want   string // the version and its type
		log    string
	}{
		{"both types: light", "1.1:lr 1.2:lr", resource.Watch{}, "1.2 light", ""},
		{"newest is regular only: the light one before it", "1.3:r 1.2:lr 1.1:lr", resource.Watch{}, "1.2 light", waiting},
		{"one light version makes all light", "1.3:r 1.2:r 1.1:l", resource.Watch{}, "1.1 light", waiting},
		{"several regular only: the highest is named", "1.2:r 1.3:r 1.1:l", resource.Watch{}, "1.1 light", waiting},
		{"an older regular only is no news", "1.3:lr 1.2:r", resource.Watch{}, "1.3 light", ""},
		{"a denied regular only is no news", "1.3:r 1.2:l", resource.Watch{Deny: []string{"1.3"}}, "1.2 light", ""},
		{"no light at all: regular", "1.2:r 1.1:r", resource.Watch{}, "1.2 regular", ""},
		{"regular wanted", "1.3:l 1.2:lr", resource.Watch{Regular: true}, "1.2 regular", "c: 1.3 is not offered: it has no regular tarball yet\n"},
		{"light wanted", "1.3:r 1.2:lr", resource.Watch{Light: true}, "1.2 light", waiting},
		{"neither tarball", "1.3: 1.2:r", resource.Watch{}, "1.2 regular", "c: 1.3 is not offered: it has no regular tarball yet\n"},
		{"denied light", "1.3:lr 1.2:lr", resource.Watch{Deny: []string{"1.3"}}, "1.2 light", ""},
		{"unparsable", "1.3:lr latest:lr", resource.Watch{}, "1.3 light", "c: passed over 1 entry that is not a version, latest\n"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			c.watch.Stemcell = jam
			d := &depot{stemcells: map[string][]boshio.Stemcell{jam: stemcells(c.offers)}}
			version, log, err := checkOne(t, nil, d, c.watch, "")
			if err != nil {
				t.Fatal(err)
			}
			if log != c.log {
				t.Errorf("log = %q, want %q", log, c.log)
			}
			dir := t.TempDir()
			s := newSet(nil, d, &bytes.Buffer{})
			if _, err := s.In(t.Context(), resource.InRequest{Source: watching(c.watch), Version: given(version)}, dir); err != nil {
				t.Fatal(err)
			}
			want := map[string]*boshio.Tarball{"light": light(version), "regular": regular(version)}
			_, kind, _ := strings.Cut(c.want, " ")
			set, err := component.ReadSet(dir)
			if err != nil || len(set) != 1 {
				t.Fatalf("set = %v, error = %v", set, err)
			}
			if set[0].Version+" "+kind != c.want {
				t.Errorf("version = %s, want %s", set[0].Version, c.want)
			}
			// URL, digests and size are of one and the same file.
			got := boshio.Tarball{URL: set[0].URL, SHA1: set[0].SHA1, SHA256: set[0].SHA256, Size: set[0].Size}
			if got != *want[kind] {
				t.Errorf("tarball = %+v, want %+v", got, *want[kind])
			}
		})
	}
}

func TestCheck_saysWhichStemcellTypeIsMissing(t *testing.T) {
	d := &depot{stemcells: map[string][]boshio.Stemcell{jam: stemcells("1.1:l 1.2:l")}}
	_, _, err := checkOne(t, nil, d, resource.Watch{Stemcell: jam, Regular: true}, "")
	if want := "component c: find versions in " + jam + ": there is none that satisfies regular"; err == nil || err.Error() != want {
		t.Errorf("error = %v, want %q", err, want)
	}
}

// aged are n versions 1.0.0, 1.0.1, … of bpm; the newest came out young days ago,
// each older one a day earlier.
func aged(n, young int) *depot {
	d := &depot{releases: map[string][]boshio.Tarball{}, published: map[string]time.Time{}}
	for i := range n {
		list := tarballs(fmt.Sprintf("1.0.%d", i))
		d.releases[bpm] = append(d.releases[bpm], list...)
		d.published[list[0].URL] = ago(young + n - 1 - i)
	}
	return d
}

func TestCheck_waitsForTheAgeOfABoshReleaseVersion(t *testing.T) {
	cases := []struct {
		name   string
		n      int // versions
		minAge int // days
		at     string
		want   string // "" for an error
		dates  int    // requests for a date
	}{
		{"old enough at once", 50, 0, "", "1.0.49", 0},
		{"the newest is as old as wanted", 50, 1, "", "1.0.49", 1},
		{"three days", 50, 3, "", "1.0.47", 3},
		{"the given is the newest: no date is asked for", 50, 3, "1.0.49", "1.0.49", 0},
		{"the given is young, and stays", 50, 3, "1.0.48", "1.0.48", 1},
		{"the given is old, a young one waits", 50, 3, "1.0.47", "1.0.47", 2},
		{"the given is old, the next is ripe", 50, 3, "1.0.40", "1.0.40 1.0.47", 3},
		{"none is old enough", 50, 400, "", "", 20},
		{"few, and none is old enough", 5, 400, "", "", 5},
		{"the given is behind all that is asked for, and stays", 50, 400, "1.0.10", "1.0.10", 20},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d := aged(c.n, 1)
			got, log, err := checkOne(t, nil, d, resource.Watch{Release: bpm, MinAge: days(c.minAge)}, c.at)
			if got != c.want || (err == nil) != (c.want != "") {
				t.Errorf("versions = %q, error = %v, want %q", got, err, c.want)
			}
			if wide := err != nil && c.n > 20; wide != (err != nil && strings.Contains(err.Error(),
				"none of the newest 20 is as old as min_age 9600h0m0s, and no more are looked at (30 are older): lower min_age")) {
				t.Errorf("error = %v", err)
			}
			if log != "" {
				t.Errorf("log = %q, want none", log)
			}
			if n := d.count("date "); n != c.dates {
				t.Errorf("%d dates asked for, want %d", n, c.dates)
			}
		})
	}
}

func TestCheck_asksOnlyForDatesOfVersionsThatCount(t *testing.T) {
	d := aged(50, 1)
	got, _, err := checkOne(t, nil, d, resource.Watch{Release: bpm, Version: "<1.0.10", MinAge: days(7), Deny: []string{"1.0.9"}}, "")
	if err != nil || got != "1.0.8" {
		t.Errorf("version = %q, error = %v", got, err)
	}
	if n := d.count("date "); n != 1 {
		t.Errorf("%d dates asked for, want 1: %v", n, d.requests())
	}
}

func TestCheck_failsWhenADateCannotBeHad(t *testing.T) {
	d := aged(5, 1)
	gone := errors.New("404 Not Found")
	d.fail = func(request string) error {
		if strings.HasPrefix(request, "date") {
			return gone
		}
		return nil
	}
	got, _, err := checkOne(t, nil, d, resource.Watch{Release: bpm, MinAge: days(1)}, "")
	if got != "" || !errors.Is(err, gone) {
		t.Errorf("versions = %q, error = %v", got, err)
	}
}
