package price

import (
	"strconv"
	"strings"
)

const (
	// dearest is how much more than in any region of the table an instance type may cost
	// elsewhere: São Paulo, the dearest region, asks for 1.6 times the price of Virginia.
	dearest = 2
	// commonCPU and anyCPU are more than what a vCPU of an instance costs in USD an hour
	// anywhere: of the families for general use, and of all, with GPUs and terabytes.
	commonCPU, anyCPU = 0.2, 1
	// metal is the number of vCPUs that is assumed of a whole machine.
	metal = 192
)

// Ceiling is the most that an hour of a spot instance may cost, in USD. It is a bound,
// not a price: AWS charges what spot instances cost at the time, whatever the bound.
// Below the on-demand price it would keep instances away that are to be had, so it is
// that price where the table holds it, and more than any on-demand price where it does
// not. There is one for every instance type and region.
func Ceiling(region, instanceType string) float64 {
	if usd, ok := Hour(region, instanceType); ok {
		return usd
	}
	most := 0.0
	for _, of := range prices().Regions {
		most = max(most, of.Instance[instanceType])
	}
	if most > 0 {
		return most * dearest
	}
	family, size, _ := strings.Cut(instanceType, ".")
	each := float64(anyCPU)
	if family != "" && strings.Contains("cmrt", family[:1]) && len(strings.TrimLeft(family, "abcdefghijklmnopqrstuvwxyz")) == len(family)-1 {
		each = commonCPU
	}
	return float64(cpus(size)) * each
}

// cpus is how many vCPUs an instance of a size has at most: 8 of "2xlarge".
func cpus(size string) int {
	if rest, found := strings.CutPrefix(size, "metal"); found {
		if size = strings.TrimPrefix(rest, "-"); size == "" {
			return metal
		}
		size = strings.TrimSuffix(size, "xl") + "xlarge" // metal-24xl
	}
	times, large := strings.CutSuffix(size, "xlarge")
	switch n, err := strconv.Atoi(times); {
	case large && times == "":
		return 4
	case large && err == nil && n > 0:
		return 4 * n
	case size == "large", size == "medium", size == "small", size == "micro", size == "nano":
		return 2
	}
	return metal // a size of a kind that is not known yet
}
