package a

import "os"

func uncheckedInATest() {
	os.Remove("a") /* want `silences nothing` */ //nolint:errcheck // nobody looks here
}
