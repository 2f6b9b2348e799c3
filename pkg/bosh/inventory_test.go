package bosh_test

import (
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
)

func TestLock_holdsUntilItExpires(t *testing.T) {
	now := time.Unix(1795254299, 0)
	for after, want := range map[time.Duration]bool{-time.Second: false, 0: false, time.Millisecond: true, 2 * time.Minute: true} {
		if got := (bosh.Lock{ExpiresAt: now.Add(after)}).Holds(now); got != want {
			t.Errorf("one that expires in %s holds: %t", after, got)
		}
	}
	if !(bosh.Lock{}).Holds(now) {
		t.Error("one whose end is not known does not hold")
	}
}
