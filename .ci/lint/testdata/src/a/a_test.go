package a

import "os"

func uncheckedInATest() {
	os.Remove("a")
}
