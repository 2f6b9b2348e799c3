package artifact

import (
	"cmp"
	"strconv"
	"strings"
)

// CompareVersions orders versions of releases and stemcells: part by part,
// numbers by size, and a pre-release ("1.0-rc.1") before its release.
func CompareVersions(a, b string) int {
	a, b = strings.ReplaceAll(a, "+", ".0.0."), strings.ReplaceAll(b, "+", ".0.0.")
	aMain, aPre, aHas := strings.Cut(a, "-")
	bMain, bPre, bHas := strings.Cut(b, "-")
	if n := compareParts(aMain, bMain); n != 0 {
		return n
	}
	if aHas != bHas {
		if aHas {
			return -1
		}
		return 1
	}
	return compareParts(aPre, bPre)
}

func compareParts(a, b string) int {
	as, bs := strings.Split(a, "."), strings.Split(b, ".")
	for i := range max(len(as), len(bs)) {
		x, y := "0", "0"
		if i < len(as) {
			x = as[i]
		}
		if i < len(bs) {
			y = bs[i]
		}
		m, errX := strconv.Atoi(x)
		n, errY := strconv.Atoi(y)
		order := cmp.Compare(m, n)
		if errX != nil || errY != nil {
			order = cmp.Compare(x, y)
		}
		if order != 0 {
			return order
		}
	}
	return 0
}
