package a

import "os"

func unchecked() {
	os.Remove("a")     // want `errcheck: unchecked error`
	os.Remove("a")     //nolint:errcheck // it may be gone already
	os.Remove("a")     /* want `errcheck without a reason` */ //nolint:errcheck
	os.Remove("a")     //nolint:gosec // another analyzer's // want `errcheck: unchecked error`
	_ = os.Remove("a") /* want `silences nothing` */ //nolint:errcheck // there is nothing to silence
}
