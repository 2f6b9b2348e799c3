package check

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/perpetual-ci/perpetual/pkg/nearest"
)

//go:embed regions.json
var regionsText []byte

// regions are the commercial regions that were known at the release.
var regions = sync.OnceValue(func() []string {
	var file struct {
		Regions []string `json:"regions"`
	}
	_ = json.Unmarshal(regionsText, &file) // a test reads it
	return file.Regions
})

var (
	regionForm = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[0-9]{1,2}$`)
	zoneForm   = regexp.MustCompile(`^([a-z]{2}(?:-[a-z]+)+-[0-9]{1,2})([a-z])$`)
	localZone  = regexp.MustCompile(`^([a-z]{2}(?:-[a-z]+)+-[0-9]{1,2})-[a-z]+-[0-9]+[a-z]$`)
	// directions are what regions are named by, between the area and the number.
	directions = regexp.MustCompile(`^(central|north|south|east|west|northeast|northwest|southeast|southwest)$`)
)

// region looks at aws.region: the form, and whether the name is one. A name that is
// made of the usual words is let through, since regions are added every year, and the
// account knows in the end.
func (v *validator) region() {
	name := v.c.AWS.Region
	if name == "" {
		v.wrong("aws.region", "is required, such as eu-central-1")
		return
	}
	if zone := zoneForm.FindStringSubmatch(name); zone != nil {
		v.wrong("aws.region", "%s is a zone; its region is %s", name, zone[1])
		return
	}
	if slices.Contains(regions(), name) {
		return
	}
	hint := ""
	if question := nearest.Question(name, regions()); question != "" {
		hint = "; " + question
	}
	words := strings.Split(name, "-")
	switch {
	case strings.HasPrefix(name, "cn-") || strings.HasPrefix(name, "us-gov-") || strings.Contains(name, "-iso"):
		v.wrong("aws.region", "%s is in another partition of AWS, which Perpetual does not support", name)
	case !regionForm.MatchString(name), len(words) == 3 && !directions.MatchString(words[1]):
		v.wrong("aws.region", "%s is not a region%s", name, hint)
	default:
		v.warn("aws.region", "%s is not among the regions that this release knows%s", name, hint)
	}
}

// zones looks at aws.zones beside the region, or the one that is meant where a zone was
// given for it.
func (v *validator) zones() {
	region := v.c.AWS.Region
	if zone := zoneForm.FindStringSubmatch(region); zone != nil {
		region = zone[1]
	}
	for i, zone := range v.c.AWS.Zones {
		key := fmt.Sprintf("aws.zones[%d]", i)
		of := zoneForm.FindStringSubmatch(zone)
		local := localZone.FindStringSubmatch(zone)
		switch {
		case zone == region || regionForm.MatchString(zone):
			v.wrong(key, "%s is a region; a zone has a letter behind it, such as %sa", zone, zone)
		case local != nil:
			v.wrong(key, "%s is a local zone, which lacks what is needed here; want one of %s itself, such as %sa", zone, local[1], local[1])
		case of == nil:
			v.wrong(key, "%s is not a zone; want one such as %sa", zone, region)
		case of[1] != region && region != "":
			v.wrong(key, "%s is a zone of %s, and aws.region is %s", zone, of[1], region)
		}
	}
	if len(v.c.AWS.Zones) == 1 && v.c.Database.Kind == "rds" && v.c.AWS.Network.VPC == "" {
		v.wrong("aws.zones", "an RDS database needs two zones; add one, or set database.kind to vm")
	}
}
