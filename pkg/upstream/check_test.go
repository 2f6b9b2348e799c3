package upstream_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perpetual-ci/perpetual/pkg/boshio"
	"github.com/perpetual-ci/perpetual/pkg/resource"
)

func TestCheck_givesTheGivenVersionThenTheNewest(t *testing.T) {
	cases := []struct {
		name   string
		offers []string
		watch  resource.Watch
		at     string
		want   string
		log    string // what the build log says, "" for nothing
	}{
		{"first check: the newest alone", []string{"1.0.0", "1.2.0", "1.1.0"}, resource.Watch{}, "", "1.2.0", ""},
		{"later: the given, then the newest, none between", []string{"1.0.0", "1.1.0", "1.2.0"}, resource.Watch{}, "1.0.0", "1.0.0 1.2.0", ""},
		{"nothing newer: the given alone", []string{"1.0.0", "1.2.0"}, resource.Watch{}, "1.2.0", "1.2.0", ""},
		{"numbers are not texts", []string{"1.9.0", "1.10.0"}, resource.Watch{}, "", "1.10.0", ""},
		{"the last of one number each", []string{"9", "43", "105"}, resource.Watch{}, "43", "43 105", ""},
		{"given vanished, a newer follows", []string{"1.0.0", "1.2.0"}, resource.Watch{}, "1.1.0", "1.1.0 1.2.0", "c: 1.1.0 was withdrawn upstream, or never was; 1.2.0 follows it\n"},
		{"given withdrawn, only older ones left", []string{"1.0.0", "1.1.0"}, resource.Watch{}, "1.2.0", "1.2.0", "c: 1.2.0 was withdrawn upstream, or never was; staying with it, as 1.1.0 is older (allow_downgrade would go back)\n"},
		{"given withdrawn, going back allowed", []string{"1.0.0", "1.1.0"}, resource.Watch{AllowDowngrade: true}, "1.2.0", "1.2.0 1.1.0", "c: going back from 1.2.0 to 1.1.0, as allow_downgrade says\n"},
		{"given far newer than all", []string{"1.0.0"}, resource.Watch{}, "99.0.0", "99.0.0", "staying with it"},
		{"given is not a version", []string{"1.0.0"}, resource.Watch{}, "nightly", "nightly 1.0.0", "c: the given \"nightly\" is not a version; 1.0.0 follows it\n"},
		{"given is not a version, and another line", []string{"1.0.0"}, resource.Watch{}, "a\nb", "a\nb 1.0.0", "c: the given \"a\\nb\" is not a version; 1.0.0 follows it\n"},
		{"given is not a version, but upstream has it", []string{"1.0.0", "nightly"}, resource.Watch{}, "nightly", "nightly 1.0.0", "c: the given \"nightly\" is not a version; 1.0.0 follows it\n"},
		{"given is not a version, going back allowed", []string{"1.0.0"}, resource.Watch{AllowDowngrade: true}, "nightly", "nightly 1.0.0", "c: the given \"nightly\" is not a version; 1.0.0 follows it\n"},
		{"given is written in another way", []string{"1.1.0"}, resource.Watch{}, "1.1", "1.1 1.1.0", "c: 1.1 was withdrawn upstream, or never was; 1.1.0 follows it\n"},
		{"one version written in two ways, one given", []string{"1.1", "1.1.0"}, resource.Watch{}, "1.1", "1.1", ""},
		{"given denied", []string{"1.0.0", "1.1.0"}, resource.Watch{Deny: []string{"1.1.0"}}, "1.1.0", "1.1.0", "staying with 1.1.0, as the newest that counts now is the older 1.0.0"},
		{"given denied, going back allowed", []string{"1.0.0", "1.1.0"}, resource.Watch{Deny: []string{"1.1.0"}, AllowDowngrade: true}, "1.1.0", "1.1.0 1.0.0", "going back from 1.1.0 to 1.0.0"},
		{"given outside a narrower constraint", []string{"7.9.0", "8.1.0"}, resource.Watch{Version: "7.x"}, "8.1.0", "8.1.0", "staying with 8.1.0"},
		{"allow_downgrade does not hold a newer back", []string{"1.0.0", "1.2.0"}, resource.Watch{AllowDowngrade: true}, "1.0.0", "1.0.0 1.2.0", ""},
		{"a denied version is passed over", []string{"1.0.0", "1.1.0", "1.2.0"}, resource.Watch{Deny: []string{"1.2.0"}}, "", "1.1.0", ""},
		{"unparsable versions are skipped and said", []string{"1.0.0", "nightly", "", "1.1.0", "latest"}, resource.Watch{}, "", "1.1.0", "c: passed over 3 entries that are not versions, such as nightly\n"},
		{"one unparsable version beside one good", []string{"x.y", "1.0.0"}, resource.Watch{}, "1.0.0", "1.0.0", "c: passed over 1 entry that is not a version, x.y\n"},
		{"the same version twice", []string{"1.1.0", "1.1.0", "1.0.0"}, resource.Watch{}, "1.1.0", "1.1.0", ""},
		{"one version written in two ways", []string{"1.1", "1.1.0", "1.0.0"}, resource.Watch{}, "", "1.1.0", ""},
		{"one version written in two ways, the other order", []string{"1.1.0", "1.1", "1.0.0"}, resource.Watch{}, "", "1.1.0", ""},
		{"pre-releases do not count", []string{"1.0.0", "1.1.0-rc.1", "1.1.0-rc.2", "0.9.0-rc.1"}, resource.Watch{}, "", "1.0.0", "c: passed over 2 pre-releases, such as 1.1.0-rc.2 (pre_release: true would admit such)\n"},
		{"pre-releases count when wanted", []string{"1.0.0", "1.1.0-rc.9", "1.1.0-rc.10"}, resource.Watch{PreRelease: true}, "", "1.1.0-rc.10", ""},
		{"a release beats its pre-releases", []string{"1.1.0", "1.1.0-rc.10"}, resource.Watch{PreRelease: true}, "", "1.1.0", ""},
		{"constraint 8.x", []string{"7.14.3", "8.0.1", "8.2.5", "9.0.0"}, resource.Watch{Version: "8.x"}, "", "8.2.5", ""},
		{"constraint 1.x and two numbers", []string{"1.9", "1.484", "1.83", "2.1"}, resource.Watch{Version: "1.x"}, "", "1.484", ""},
		{"four numbers", []string{"1.2.3.4", "1.2.3.10", "1.2.2"}, resource.Watch{}, "", "1.2.3.10", ""},
		{"four numbers, one of them given", []string{"1.2.3.4", "1.2.3.10", "1.2.2"}, resource.Watch{}, "1.2.3.4", "1.2.3.4 1.2.3.10", ""},
		{"four numbers within 1.x", []string{"1.2.3.4", "2.0.0.1", "1.2.3.10"}, resource.Watch{Version: "1.x"}, "", "1.2.3.10", ""},
		{"a constraint of four numbers", []string{"1.2.3.4", "1.2.4", "1.2.3.10"}, resource.Watch{Version: ">=1.2.3.4 <1.2.4"}, "", "1.2.3.10", ""},
		{"four numbers, the highest denied", []string{"1.2.3.4", "1.2.3.10"}, resource.Watch{Deny: []string{"1.2.3.10"}}, "", "1.2.3.4", ""},
		{"four numbers of a pre-release", []string{"1.2.3.4", "1.2.3.10-rc.2"}, resource.Watch{}, "", "1.2.3.4", "1.2.3.10-rc.2 (pre_release"},
		{"a development build is before its version", []string{"8.2.4", "8.2.4+dev.2", "8.2.4+dev.10"}, resource.Watch{}, "8.2.4+dev.10", "8.2.4+dev.10 8.2.4", ""},
		{"development builds by number", []string{"8.2.3", "8.2.4+dev.2", "8.2.4+dev.10"}, resource.Watch{}, "8.2.4+dev.2", "8.2.4+dev.2 8.2.4+dev.10", ""},
		{"a version is not left for its development build", []string{"8.2.4", "8.2.4+dev.10"}, resource.Watch{}, "8.2.4", "8.2.4", ""},
		{"a denied version with its builds", []string{"8.2.3", "8.2.4", "8.2.4+dev.10"}, resource.Watch{Deny: []string{"8.2.4"}}, "", "8.2.3", ""},
		{"constraint of two bounds", []string{"0.9.0", "1.0.0", "1.7.2", "2.0.0"}, resource.Watch{Version: ">=1 <2"}, "", "1.7.2", ""},
		{"constraint hides pre-releases", []string{"8.1.0", "8.2.0-rc.1"}, resource.Watch{Version: "8.x"}, "", "8.1.0", "c: passed over 1 pre-release, 8.2.0-rc.1 (pre_release: true would admit such)\n"},
		{"constraint with pre-releases wanted", []string{"8.1.0", "8.2.0-rc.1", "9.0.0-rc.1"}, resource.Watch{Version: "8.x", PreRelease: true}, "", "8.2.0-rc.1", ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			c.watch.Release = bpm
			d := &depot{releases: map[string][]boshio.Tarball{bpm: tarballs(c.offers...)}}
			got, log, err := checkOne(t, nil, d, c.watch, c.at)
			if err != nil {
				t.Fatal(err)
			}
			if got != c.want {
				t.Errorf("versions = %q, want %q", got, c.want)
			}
			if (c.log == "") != (log == "") || !strings.Contains(log, c.log) {
				t.Errorf("log = %q, want %q", log, c.log)
			}
			if n := len(d.requests()); n != 1 {
				t.Errorf("%d requests, want 1: %v", n, d.requests())
			}
		})
	}
}

func TestCheck_comparesDeniedVersionsAsVersions(t *testing.T) {
	cases := []struct {
		name   string
		offers []string
		deny   string
		want   string
	}{
		{"as its tag is called", []string{"1.1.0", "1.2.0"}, "v1.2.0", "1.1.0"},
		{"with fewer numbers", []string{"1.1.0", "1.2.0"}, "1.2", "1.1.0"},
		{"with more numbers", []string{"1.9", "1.10"}, "1.10.0", "1.9"},
		{"another one of the same digits", []string{"1.1", "1.10"}, "1.1", "1.10"},
	}
	for _, c := range cases {
		d := &depot{releases: map[string][]boshio.Tarball{bpm: tarballs(c.offers...)}}
		if got, _, err := checkOne(t, nil, d, resource.Watch{Release: bpm, Deny: []string{c.deny}}, ""); err != nil || got != c.want {
			t.Errorf("%s: versions = %q, error = %v, want %q", c.name, got, err, c.want)
		}
	}
}

// TestCheck_keepsWhatIsGivenWhereNothingCounts: one component of which all versions are
// denied must not hold the others back.
func TestCheck_keepsWhatIsGivenWhereNothingCounts(t *testing.T) {
	cases := []struct {
		name  string
		watch resource.Watch
		given string
		log   string
	}{
		{"all denied", resource.Watch{Release: bpm, Deny: []string{"1.4.38"}}, "1.4.38", "bpm: staying with 1.4.38: find versions in " + bpm + ": there is none that satisfies deny 1.4.38; passed over: 1 version that version or deny leave out, 1.4.38\n"},
		{"nothing within the constraint", resource.Watch{Release: bpm, Version: "9.x", AllowDowngrade: true}, "1.4.0", "bpm: staying with 1.4.0: "},
		{"nothing is old enough", resource.Watch{Release: bpm, MinAge: days(100000)}, "1.4.0", "bpm: staying with 1.4.0: "},
		{"the given is not a version", resource.Watch{Release: bpm, Version: "9.x"}, "nightly", "bpm: staying with nightly: "},
		{"no light stemcell", resource.Watch{Stemcell: "heavy", Light: true}, "1.2", "bpm: staying with 1.2: "},
		{"no release on GitHub has the asset", resource.Watch{GitHub: repo, Assets: []string{"x"}}, "1.1.0", "bpm: staying with 1.1.0: "},
		{"no tag on GitHub is a version", resource.Watch{GitHub: repo, TagFilter: "^x-"}, "1.1.0", "bpm: staying with 1.1.0: "},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			source, h, d := wholeSource()
			source.Watch["bpm"] = c.watch
			d.published = map[string]time.Time{tarballs("1.4.38")[0].URL: now}
			d.stemcells["heavy"] = []boshio.Stemcell{{Version: "1.3", Regular: &boshio.Tarball{URL: "https://x/1.3"}}}
			given := resource.Version{"bpm": c.given, "postgres": "54.0.5", "stemcell": "1.400", "perpetual": "1.3.0"}
			want := resource.Version{"bpm": c.given, "postgres": "54.0.5", "stemcell": "1.484", "perpetual": "1.3.0"}
			var log bytes.Buffer
			got, err := newSet(h, d, &log).Check(t.Context(), source, given)
			if err != nil || cmp.Diff([]resource.Version{given, want}, got) != "" || !strings.Contains(log.String(), c.log) {
				t.Errorf("versions = %v, error = %v, log %q; want %v", got, err, log.String(), want)
			}
			if _, err := newSet(h, d, &log).Check(t.Context(), source, nil); err == nil || !strings.HasPrefix(err.Error(), "component bpm: ") {
				t.Errorf("first check: error = %v", err)
			}
		})
	}
}

func TestCheck_saysWhyNothingCounts(t *testing.T) {
	d := &depot{
		releases: map[string][]boshio.Tarball{bpm: tarballs("1.0.0", "1.1.0-rc.1", "junk"), "github.com/a/empty": {}},
		stemcells: map[string][]boshio.Stemcell{jam: {
			{Version: "1.2", Regular: &boshio.Tarball{URL: "https://x/1.2"}},
		}},
	}
	cases := []struct {
		name  string
		watch resource.Watch
		want  string
	}{
		{"constraint", resource.Watch{Release: bpm, Version: "9.x"}, "component c: find versions in " + bpm + ": there is none that satisfies version 9.x; passed over: 1 entry that is not a version, junk; 2 versions that version or deny leave out, such as 1.1.0-rc.1"},
		{"pre-release", resource.Watch{Release: bpm, Version: ">1.0.0"}, "; passed over: 1 entry that is not a version, junk; 1 pre-release, 1.1.0-rc.1 (pre_release: true would admit such); 1 version that version or deny leave out, 1.0.0"},
		{"deny", resource.Watch{Release: bpm, Deny: []string{"1.0.0"}}, "there is none that satisfies deny 1.0.0"},
		{"min_age", resource.Watch{Release: bpm, MinAge: resource.Duration{Duration: now.Sub(time.Time{})}}, "min_age"},
		{"light", resource.Watch{Stemcell: jam, Light: true}, "there is none that satisfies light"},
		{"empty list", resource.Watch{Release: "github.com/a/empty"}, "find versions in github.com/a/empty: there is none that counts"},
	}
	d.published = map[string]time.Time{"https://bosh.io/d/bpm?v=1.0.0": now}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, _, err := checkOne(t, nil, d, c.watch, "")
			if got != "" || err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("versions = %q, error = %v, want %q", got, err, c.want)
			}
		})
	}
}

func TestCheck_saysWhatAnUpstreamDoesNotHave(t *testing.T) {
	for _, w := range []resource.Watch{{Release: "github.com/a/gone"}, {Stemcell: "gone"}} {
		got, _, err := checkOne(t, nil, nil, w, "")
		if got != "" || !errors.Is(err, boshio.ErrNotFound) || !strings.HasPrefix(err.Error(), "component c: ") {
			t.Errorf("watch %+v: versions = %q, error = %v", w, got, err)
		}
	}
}

// wholeSource watches one component of each kind.
func wholeSource() (resource.Source, *hub, *depot) {
	source := resource.Source{Watch: map[string]resource.Watch{
		"bpm":       {Release: bpm},
		"postgres":  {Release: "github.com/cloudfoundry/postgres-release"},
		"stemcell":  {Stemcell: jam},
		"perpetual": {AllowUnsigned: true, GitHub: repo},
	}}
	h := &hub{releases: published("v1.3.0", "v1.2.0")}
	d := &depot{
		releases: map[string][]boshio.Tarball{
			bpm: tarballs("1.4.38"), "github.com/cloudfoundry/postgres-release": tarballs("54.0.5"),
		},
		stemcells: map[string][]boshio.Stemcell{jam: {{Version: "1.484", Light: &boshio.Tarball{URL: "https://x/1.484"}}}},
	}
	return source, h, d
}

func TestCheck_givesTheWholeSetAsOneVersion(t *testing.T) {
	source, h, d := wholeSource()
	newest := resource.Version{"bpm": "1.4.38", "postgres": "54.0.5", "stemcell": "1.484", "perpetual": "1.3.0"}
	with := func(change func(resource.Version)) resource.Version {
		v := resource.Version{}
		for name, version := range newest {
			v[name] = version
		}
		change(v)
		return v
	}
	older := with(func(v resource.Version) { v["bpm"] = "1.4.0"; v["stemcell"] = "1.400" })
	added := with(func(v resource.Version) { delete(v, "perpetual") })
	removed := with(func(v resource.Version) { v["credhub"] = "2.0.0" })
	ahead := with(func(v resource.Version) { v["bpm"] = "9.0.0"; v["stemcell"] = "1.400" })
	cases := []struct {
		name  string
		given resource.Version
		want  []resource.Version
	}{
		{"first", nil, []resource.Version{newest}},
		{"empty object", resource.Version{}, []resource.Version{newest}},
		{"two are newer: one new set", older, []resource.Version{older, newest}},
		{"same", with(func(resource.Version) {}), []resource.Version{newest}},
		{"a component was added to the source", added, []resource.Version{added, newest}},
		{"a component was removed from the source", removed, []resource.Version{removed, newest}},
		{"one stays ahead while another moves", ahead, []resource.Version{ahead, with(func(v resource.Version) { v["bpm"] = "9.0.0" })}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := newSet(h, d, &bytes.Buffer{}).Check(t.Context(), source, c.given)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("versions (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCheck_neverGivesHalfASet(t *testing.T) {
	broken := errors.New("502 Bad Gateway")
	for _, c := range []struct{ request, component string }{
		{"releases " + bpm, "bpm"},
		{"releases github.com/cloudfoundry/postgres", "postgres"},
		{"stemcells ", "stemcell"},
		{"releases " + repo, "perpetual"},
	} {
		t.Run(c.component, func(t *testing.T) {
			source, h, d := wholeSource()
			fail := func(request string) error {
				if strings.HasPrefix(request, c.request) {
					return fmt.Errorf("ask: %w", broken)
				}
				return nil
			}
			h.fail, d.fail = fail, fail
			got, err := newSet(h, d, &bytes.Buffer{}).Check(t.Context(), source, nil)
			if got != nil {
				t.Errorf("versions = %v, want none", got)
			}
			if !errors.Is(err, broken) || !strings.HasPrefix(err.Error(), "component "+c.component+": ") {
				t.Errorf("error = %v, want one that names %s", err, c.component)
			}
		})
	}
}

// TestCheck_asksAllUpstreamsAtTheSameTime holds every request until all have
// arrived: a check that asks one after the other runs into its deadline.
func TestCheck_asksAllUpstreamsAtTheSameTime(t *testing.T) {
	source, h, d := wholeSource()
	var mu sync.Mutex
	arrived, all := 0, make(chan struct{})
	barrier := func(ctx context.Context) error {
		mu.Lock()
		if arrived++; arrived == len(source.Watch) {
			close(all)
		}
		mu.Unlock()
		select {
		case <-all:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	h.arrive, d.arrive = barrier, barrier
	got, err := newSet(h, d, &bytes.Buffer{}).Check(t.Context(), source, nil)
	if err != nil || len(got) != 1 {
		t.Fatalf("versions = %v, error = %v", got, err)
	}
}

func TestCheck_hasOneDeadlineForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, h, d := wholeSource()
		var mu sync.Mutex
		deadlines := map[time.Time]bool{}
		h.seen = func(ctx context.Context, _ string) {
			deadline, ok := ctx.Deadline()
			mu.Lock()
			defer mu.Unlock()
			deadlines[deadline] = ok
		}
		h.arrive = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
		d.seen, d.arrive = h.seen, h.arrive
		s := newSet(h, d, &bytes.Buffer{})
		s.Deadline = time.Minute
		got, err := s.Check(t.Context(), source, nil)
		if got != nil || !errors.Is(err, context.DeadlineExceeded) || !strings.HasPrefix(err.Error(), "component ") {
			t.Errorf("versions = %v, error = %v", got, err)
		}
		if len(deadlines) != 1 {
			t.Errorf("deadlines = %v, want one for all upstreams", deadlines)
		}
	})
}

func TestSet_makesAnErrorOfAPanic(t *testing.T) {
	source, h, d := wholeSource()
	h.fail = func(string) error { panic("with a credential") }
	var log bytes.Buffer
	got, err := newSet(h, d, &log).Check(t.Context(), source, nil)
	if got != nil || err == nil || !strings.Contains(err.Error(), "it panicked in upstream_test.TestSet_makesAnErrorOfAPanic") ||
		!strings.Contains(err.Error(), "(check_test.go:") || strings.Contains(err.Error()+log.String(), "credential") {
		t.Errorf("versions = %v, error = %v, log %q", got, err, log.String())
	}
	version := resource.Version{}
	for name := range source.Watch {
		version[name] = "1.0.0"
	}
	h.fail, d.fail = func(request string) error { return []error{nil}[len(request)] }, nil
	dir := t.TempDir()
	if _, err := newSet(h, d, &log).In(t.Context(), resource.InRequest{Source: source, Version: version}, dir); err == nil || tree(t, dir) != "" {
		t.Errorf("in: error %v, files %q", err, tree(t, dir))
	}
}

func TestCheck_endsWithItsContext(t *testing.T) {
	source, h, d := wholeSource()
	ctx, cancel := context.WithCancel(t.Context())
	h.arrive = func(ctx context.Context) error { cancel(); <-ctx.Done(); return ctx.Err() }
	got, err := newSet(h, d, &bytes.Buffer{}).Check(ctx, source, nil)
	if got != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("versions = %v, error = %v", got, err)
	}
}
