package b

import "os"

func misspelt() {
	os.Remove("a") /* want `there is no such analyzer` */ //nolint:errchek // it may be gone already
}
