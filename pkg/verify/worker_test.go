package verify

import "testing"

func TestCompatible_isTheRuleOfConcourse(t *testing.T) {
	for _, c := range []struct {
		worker, wanted string
		want           bool
	}{
		{"2.5", "2.5", true}, {"2.6", "2.5", true}, {"2.4", "2.5", false}, {"3.5", "2.5", false}, {"1.9", "2.5", false},
		{"", "2.5", false}, {"x", "x", true}, {"x", "2.5", false}, {"2.5", "", true},
	} {
		if got := compatible(c.worker, c.wanted); got != c.want {
			t.Errorf("a worker of %q for an ATC that wants %q: %t", c.worker, c.wanted, got)
		}
	}
}
