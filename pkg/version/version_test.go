package version_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	semi "github.com/cppforlife/go-semi-semantic/version"

	"github.com/perpetual-ci/perpetual/pkg/version"
)

func parse(t *testing.T, text string) version.Version {
	t.Helper()
	v, err := version.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestCompare_ordersAsBoshDoes(t *testing.T) {
	ascending := []string{
		"0+dev.1", "0.9", "1.2.2", "1.2.3-alpha", "1.2.3-rc.9", "1.2.3-rc.10+dev.1", "1.2.3-rc.10", "1.2.3+dev.2", "1.2.3+dev.10", "1.2.3",
		"1.2.3+build.2", "1.2.3+build.10", "1.2.3.4-rc.1", "1.2.3.4", "1.2.3.10+dev.1", "1.2.3.10", "1.2.3.10.1", "1.2.4", "1.10", "2024.01.05", "2024.1.10", "2024.10",
	}
	for i, a := range ascending {
		for j, b := range ascending {
			if got := parse(t, a).Compare(parse(t, b)); (got < 0) != (i < j) || (got > 0) != (i > j) {
				t.Errorf("%s compared with %s = %d", a, b, got)
			}
		}
	}
	for _, same := range [][2]string{{"1.1", "1.1.0"}, {"v1", "1.0.0.0"}, {"1.0-rc", "1.0.0-rc.0"}, {"1.01", "1.1"}} {
		if parse(t, same[0]).Compare(parse(t, same[1])) != 0 {
			t.Errorf("%s is not %s", same[0], same[1])
		}
	}
}

// random is a version as anybody may have written it.
func random(rng *rand.Rand) string {
	words := []string{"dev", "rc", "beta", "b-1", "x_y", "build", "0", "1", "2", "10"}
	var b strings.Builder
	for i := range 1 + rng.IntN(5) {
		if i > 0 {
			b.WriteByte('.')
		}
		fmt.Fprint(&b, rng.IntN(3))
	}
	for _, mark := range []string{"-", "+"} {
		if rng.IntN(2) == 0 {
			continue
		}
		for range 1 + rng.IntN(3) {
			b.WriteString(mark + words[rng.IntN(len(words))])
			mark = "."
		}
	}
	return b.String()
}

func TestCompare_isATotalOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 20000 {
		texts := []string{random(rng), random(rng), random(rng)}
		a, b, c := parse(t, texts[0]), parse(t, texts[1]), parse(t, texts[2])
		if a.Compare(a) != 0 || (a.Compare(b) < 0) != (b.Compare(a) > 0) {
			t.Fatalf("%q: not antisymmetric", texts)
		}
		if a.Compare(b) <= 0 && b.Compare(c) <= 0 && a.Compare(c) > 0 {
			t.Fatalf("%q: not transitive", texts)
		}
		if a.Compare(b) == 0 && (a.Compare(c) < 0) != (b.Compare(c) < 0) {
			t.Fatalf("%q: what is one version has two places", texts)
		}
	}
}

// TestCompare_isTheLibrarysOrder holds the order against go-semi-semantic's, which the
// director's is, wherever there is no development build.
func TestCompare_isTheLibrarysOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	sign := func(n int) int { return min(1, max(-1, n)) }
	for range 20000 {
		a, b := random(rng), random(rng)
		if strings.Contains(a+b, "+dev") {
			continue
		}
		want := semi.MustNewVersionFromString(a).Compare(semi.MustNewVersionFromString(b))
		if got := parse(t, a).Compare(parse(t, b)); sign(got) != want {
			t.Fatalf("%s compared with %s = %d, want %d", a, b, got, want)
		}
	}
}

func TestParse_refusesWhatIsNoVersion(t *testing.T) {
	for _, text := range []string{
		"", "v", "vv1", "nightly", "latest", "1.", ".1", "1..2", "1.x", "3.0.beta", "-1", "1-", "1+", "1-+1", "1-1+", "1+1+1", " 1", "1\n", "1 2",
		"99999999999999999999", "1-a..b", "1+ü", "+1", "-1.0", "1.-1", "release-1.2.3", strings.Repeat("1.", 200) + "1",
	} {
		if v, err := version.Parse(text); err == nil {
			t.Errorf("%q is %+v", text, v)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{"1.2.3.4-rc.1+dev.2", "v1", "1-a", "nightly"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, err := version.Parse(text)
		if err == nil && (v.Compare(v) != 0 || !v.Covers(v)) {
			t.Errorf("%q is not itself", text)
		}
		if c, err := version.ParseConstraint(text); err == nil && v.Compare(v) == 0 {
			c.Allows(v)
		}
	})
}

func TestConstraint_holdsForAnyNumberOfNumbers(t *testing.T) {
	cases := []struct {
		constraint string
		allows     string // among all, in order
	}{
		{"1.x", "1.2.2 1.2.3+dev.10 1.2.3 1.2.3.4 1.2.3.10 1.2.4 1.9.9.9"},
		{">=1.2", "1.2.2 1.2.3+dev.10 1.2.3 1.2.3.4 1.2.3.10 1.2.4 1.9.9.9 2.0.0.1"},
		{">1.2.3", "1.2.3.4 1.2.3.10 1.2.4 1.9.9.9 2.0.0.1"},
		{"<=1.2.3", "1.2.2 1.2.3+dev.10 1.2.3"},
		{"<1.2.4", "1.2.2 1.2.3+dev.10 1.2.3 1.2.3.4 1.2.3.10"},
		{">=1.2.4 <2", "1.2.4 1.9.9.9"},
		{"1.2.3", "1.2.3+dev.10 1.2.3"},
		{"!=1.2.3, 1.2.x", "1.2.2 1.2.3.4 1.2.3.10 1.2.4"},
		{"~1.2.3", "1.2.3+dev.10 1.2.3 1.2.3.4 1.2.3.10 1.2.4"},
		{"^1.2.3", "1.2.3+dev.10 1.2.3 1.2.3.4 1.2.3.10 1.2.4 1.9.9.9"},
		{"2.x || 1.2.2", "1.2.2 2.0.0.1"},
		{"1.2.3 - 1.2.4", "1.2.3+dev.10 1.2.3 1.2.3.4 1.2.3.10 1.2.4"},
		{"1.2.3.4", "1.2.3.4"},
		{"= 1.2.3.4", "1.2.3.4"},
		{"1.2.3.x", "1.2.3+dev.10 1.2.3 1.2.3.4 1.2.3.10"},
		{"!=1.2.3.x", "1.2.2 1.2.4 1.9.9.9 2.0.0.1"},
		{">=1.2.3.4", "1.2.3.4 1.2.3.10 1.2.4 1.9.9.9 2.0.0.1"},
		{">1.2.3.4, <2", "1.2.3.10 1.2.4 1.9.9.9"},
		{">1.2.3.4<1.2.4", "1.2.3.10"},
		{">= 1.2.3.4 <1.2.3.10", "1.2.3.4"},
		{"<=1.2.3.4", "1.2.2 1.2.3+dev.10 1.2.3 1.2.3.4"},
		{"1.2.3.4 - 1.2.3.10", "1.2.3.4 1.2.3.10"},
		{"~1.2.3.5", "1.2.3.10 1.2.4"},
		{"^1.2.3.5", "1.2.3.10 1.2.4 1.9.9.9"},
		{"1.2.3.4 || 1.2.2", "1.2.2 1.2.3.4"},
		{"*", "1.2.2 1.2.3+dev.10 1.2.3 1.2.3.4 1.2.3.10 1.2.4 1.9.9.9 2.0.0.1"},
	}
	all := []string{"1.2.2", "1.2.3+dev.10", "1.2.3", "1.2.3.4", "1.2.3.10", "1.2.4", "1.9.9.9", "2.0.0.1"}
	for _, c := range cases {
		constraint, err := version.ParseConstraint(c.constraint)
		if err != nil {
			t.Errorf("%s: %v", c.constraint, err)
			continue
		}
		got := slices.DeleteFunc(slices.Clone(all), func(text string) bool { return !constraint.Allows(parse(t, text)) })
		if strings.Join(got, " ") != c.allows {
			t.Errorf("%s allows %v, want %s", c.constraint, got, c.allows)
		}
	}
}

func TestConstraint_knowsZeros(t *testing.T) {
	for _, c := range []struct {
		constraint, version string
		allows              bool
	}{
		{"1.2.3", "1.2.3.0", true}, {"<=1.2.3", "1.2.3.0", true}, {">1.2.3", "1.2.3.0", false}, {"1.2.3.0", "1.2.3", true},
		{"^0.1.2.3", "0.1.9", true}, {"^0.1.2.3", "0.2", false}, {"^0.0.0.3", "0.0.0.3.1", true}, {"^0.0.0.3", "0.0.0.4", false}, {"^0.0.0.0", "0.0.0.1", false},
	} {
		constraint, err := version.ParseConstraint(c.constraint)
		if err != nil || constraint.Allows(parse(t, c.version)) != c.allows {
			t.Errorf("%s allows %s: %v, error %v", c.constraint, c.version, !c.allows, err)
		}
	}
}

func TestParseConstraint_refusesWhatIsNone(t *testing.T) {
	for _, text := range []string{"banana", "1.2.3.4.", ">1.2.3.x", "1.2.x.4", "~!1.2.3.4", ">=1.2.3.4 banana", strings.Repeat("1", 600), strings.Repeat(">1.2.3.4 ", 100)} {
		if _, err := version.ParseConstraint(text); err == nil {
			t.Errorf("%q is a constraint", text)
		}
	}
}

func TestCovers(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{{"1.2.3", "1.2.3+dev.1", true}, {"1.2.3+dev.1", "1.2.3", false}, {"v1.2", "1.2.0", true}, {"1.2.3", "1.2.3.1", false}, {"1.2.3", "1.2.3-rc.1", false}} {
		if got := parse(t, c.a).Covers(parse(t, c.b)); got != c.want {
			t.Errorf("%s covers %s: %v", c.a, c.b, got)
		}
	}
}
