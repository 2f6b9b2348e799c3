package check_test

import (
	"strings"
	"testing"
)

func TestConfig_tellsRegionsFromWhatLooksLikeThem(t *testing.T) {
	const partition, unknown = " is in another partition of AWS, which Perpetual does not support", " is not among the regions that this release knows"
	for region, want := range map[string]string{
		"eu-central-1": "", "us-east-1": "", "ap-southeast-7": "", "mx-central-1": "", "af-south-1": "",
		"cn-north-1": partition, "cn-northwest-1": partition, "us-gov-west-1": partition, "us-iso-east-1": partition, "us-isob-east-1": partition, "eu-isoe-west-1": partition,
		"eu-central-9":     "warning" + unknown,
		"xx-north-12":      "warning" + unknown,
		"ap-southwest-1":   "warning" + unknown,
		"eu-new-central-1": "warning" + unknown, // more words than others, as us-gov-west-1 has
		"eu-central-123":   " is not a region",
		"eu-centre-1":      " is not a region",
		"eu-1":             " is not a region",
		"eur-central-1":    " is not a region",
		"us-west-2-lax-1a": " is not a region",
		"eu-central-1ab":   " is not a region",
		"eu-central-1a":    " is a zone; its region is eu-central-1",
		"ap-southeast-7c":  " is a zone; its region is ap-southeast-7",
		"xx-north-12z":     " is a zone; its region is xx-north-12",
	} {
		text := "name: ci\naws: {region: " + region + "}"
		switch warning, isWarning := strings.CutPrefix(want, "warning"); {
		case want == "":
			says(t, region, text)
		case isWarning:
			says(t, region, text, "warning: aws.region: "+region+warning)
		default:
			says(t, region, text, "aws.region: "+region+want)
		}
	}
}

func TestConfig_wantsZonesOfTheRegion(t *testing.T) {
	for zone, want := range map[string]string{
		"eu-central-1a": "", "eu-central-1z": "",
		"eu-central-2a":         "eu-central-2a is a zone of eu-central-2, and aws.region is eu-central-1",
		"eu-central-11a":        "eu-central-11a is a zone of eu-central-11, and aws.region is eu-central-1",
		"eu-central-1":          "eu-central-1 is a region; a zone has a letter behind it, such as eu-central-1a",
		"eu-west-1":             "eu-west-1 is a region; a zone has a letter behind it, such as eu-west-1a",
		"eu-central-1-ham-1a":   "eu-central-1-ham-1a is a local zone, which lacks what is needed here; want one of eu-central-1 itself, such as eu-central-1a",
		"us-east-1-atl-2b":      "us-east-1-atl-2b is a local zone, which lacks what is needed here; want one of us-east-1 itself, such as us-east-1a",
		"euc1-az1":              "euc1-az1 is not a zone; want one such as eu-central-1a",
		"a":                     "a is not a zone; want one such as eu-central-1a",
		"eu-central-1-wl1-ber1": "eu-central-1-wl1-ber1 is not a zone; want one such as eu-central-1a",
	} {
		var lines []string
		if want != "" {
			lines = []string{"aws.zones[1]: " + want}
		}
		says(t, zone, "name: ci\naws: {region: eu-central-1, zones: [eu-central-1b, "+zone+"]}", lines...)
	}
	says(t, "without a region", "name: ci\naws: {zones: [eu-central-1a, eu-west-1a]}", "aws.region: is required, such as eu-central-1")
	says(t, "of a zone for a region", "name: ci\naws: {region: eu-central-1a, zones: [eu-central-1b, eu-west-1a]}",
		"aws.region: eu-central-1a is a zone", "aws.zones[1]: eu-west-1a is a zone of eu-west-1, and aws.region is eu-central-1")
}

func TestConfig_knowsWhichTypesAreForARM(t *testing.T) {
	for instanceType, arm := range map[string]bool{
		"a1.large": true, "m6g.large": true, "t4g.small": true, "c6gn.large": true, "c7gd.metal": true, "im4gn.large": true, "is4gen.large": true, "x2gd.large": true, "g5g.xlarge": true, "m8g.large": true,
		"m6a.xlarge": false, "a1b.large": false, "g5.xlarge": false, "g4dn.xlarge": false, "t3.small": false, "mac2.metal": false, "u-6tb1.metal": false, "inf2.xlarge": false,
	} {
		const text = " is arm64 and needs an arm64 stemcell, and the stemcell that is deployed is for x86_64"
		for key, section := range map[string]string{
			"web.instance_type": "web: {instance_type: %s}", "director.instance_type": "director: {instance_type: %s}",
			"workers.instance_types[0]": "workers: {instance_types: [%s]}", "database.instance_type": "database: {kind: vm, instance_type: %s}",
		} {
			section = strings.Replace(section, "%s", instanceType, 1)
			ops, others := "manifest: {ops_files: [a.yml]}\n", "manifest: {director_ops_files: [a.yml]}\n"
			if strings.HasPrefix(key, "director") {
				ops, others = others, ops
			}
			var wrong, doubtful []string
			if arm {
				wrong = []string{key + ": " + instanceType + text + "; want a type such as m6i.xlarge or t3.small"}
				doubtful = []string{"warning: " + key + ": " + instanceType + text + ", unless the ops files take another"}
			}
			says(t, key, onAWS+section, wrong...)
			says(t, key+" with ops files", onAWS+ops+section, doubtful...)
			says(t, key+" with ops files of others", onAWS+others+section, wrong...)
		}
	}
	says(t, "a class of RDS", onAWS+"database: {kind: rds, instance_type: db.t4g.small}")
}
