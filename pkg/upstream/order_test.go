package upstream_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/boshio"
	"github.com/perpetual-ci/perpetual/pkg/github"
	"github.com/perpetual-ci/perpetual/pkg/resource"
)

// release is one version of a made-up repository; whether it counts is known.
type release struct {
	major, minor, patch int
	rc                  int // 0: no pre-release
	counts              bool
}

func (r release) String() string {
	text := fmt.Sprintf("%d.%d.%d", r.major, r.minor, r.patch)
	if r.rc > 0 {
		text += fmt.Sprintf("-rc.%d", r.rc)
	}
	return text
}

// order compares by number; a pre-release is before its release.
func order(a, b release) int {
	return cmp.Or(cmp.Compare(a.major, b.major), cmp.Compare(a.minor, b.minor), cmp.Compare(a.patch, b.patch),
		cmp.Compare(a.rank(), b.rank()))
}

func (r release) rank() int {
	if r.rc == 0 {
		return 1 << 20
	}
	return r.rc
}

// made is a list of different releases in random order.
func made(rng *rand.Rand, n int) []release {
	seen := map[release]bool{}
	var list []release
	for len(list) < n {
		r := release{major: rng.IntN(4), minor: rng.IntN(12), patch: rng.IntN(30), rc: max(0, rng.IntN(30)-18)}
		if !seen[r] {
			seen[r] = true
			list = append(list, r)
		}
	}
	return list
}

// highest is the highest release that counts, "" for none.
func highest(list []release) string {
	var counting []release
	for _, r := range list {
		if r.counts {
			counting = append(counting, r)
		}
	}
	if len(counting) == 0 {
		return ""
	}
	return slices.MaxFunc(counting, order).String()
}

func TestCheck_doesNotTrustTheOrderOfALongBoshList(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 100 {
		list := made(rng, 1+rng.IntN(200))
		w := resource.Watch{Release: bpm, PreRelease: rng.IntN(2) == 0}
		if rng.IntN(2) == 0 {
			w.Version = "2.x"
		}
		if rng.IntN(2) == 0 {
			w.Deny = []string{list[0].String()}
		}
		var texts []string
		for i := range list {
			r := &list[i]
			r.counts = (r.rc == 0 || w.PreRelease) && !slices.Contains(w.Deny, r.String()) && (w.Version == "" || inTwoX(*r))
			texts = append(texts, r.String())
		}
		want := highest(list)
		for range 3 {
			rng.Shuffle(len(texts), func(i, j int) { texts[i], texts[j] = texts[j], texts[i] })
			d := &depot{releases: map[string][]boshio.Tarball{bpm: tarballs(texts...)}}
			got, _, err := checkOne(t, nil, d, w, "")
			if got != want || (err == nil) != (want != "") {
				t.Fatalf("watch %+v of %v: version = %q, error = %v, want %q", w, texts, got, err, want)
			}
		}
	}
}

// inTwoX says what 2.x means: a pre-release of 2.0.0 is before it.
func inTwoX(r release) bool { return r.major == 2 && order(r, release{major: 2}) >= 0 }

// TestCheck_findsWhatReadingEveryReleaseWouldFind compares the few requests
// with the whole list, over repositories of all sizes in which creation order
// says nothing and any release may not count for any reason.
func TestCheck_findsWhatReadingEveryReleaseWouldFind(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for round := range 300 {
		list := made(rng, 1+rng.IntN(250))
		w := resource.Watch{GitHub: repo, Assets: []string{"p-*"}, MinAge: days(10), PreRelease: rng.IntN(2) == 0}
		h := &hub{token: rng.IntN(2) == 0}
		spoilt := rng.IntN(4) // 0: few releases count
		for i := range list {
			r := &list[i]
			wire := withAssets(published("v" + r.String())[0], "p-linux")
			wire.ID, wire.PublishedAt = int64(i), ago(11)
			r.counts = r.rc == 0 || w.PreRelease
			if rng.IntN(3) == 0 || spoilt == 0 && rng.IntN(20) > 0 {
				r.counts = false
				wire = spoil(rng, wire, w, r)
			}
			if wire.Draft && rng.IntN(3) == 0 { // beside a release of the same tag
				h.releases = append(h.releases, wire)
				wire = withAssets(published("v" + r.String())[0], "p-linux")
				wire.PublishedAt = ago(11)
				r.counts = r.rc == 0 || w.PreRelease
			}
			h.releases = append(h.releases, wire)
		}
		for range rng.IntN(6) {
			h.tags = append(h.tags, fmt.Sprintf("v9.%d.0", rng.IntN(99)), "nightly")
		}
		got, _, err := checkOne(t, h, nil, w, "")
		if want := highest(list); got != want || (err == nil) != (want != "") {
			t.Fatalf("round %d, %d releases: version = %q, error = %v, want %q", round, len(h.releases), got, err, want)
		}
		if n, limit := len(h.requests()), 5+(len(h.releases)+99)/100; n > limit {
			t.Fatalf("round %d, %d releases: %d requests, want at most %d", round, len(h.releases), n, limit)
		}
	}
}

// spoil gives a release a reason not to count.
func spoil(rng *rand.Rand, wire github.Release, w resource.Watch, r *release) github.Release {
	switch rng.IntN(4) {
	case 0:
		return draft(wire)
	case 1:
		wire.PublishedAt = ago(9)
	case 2:
		wire.Assets = []github.Asset{asset("other")}
	default:
		wire.PreRelease = true
		r.counts = w.PreRelease
	}
	return wire
}
