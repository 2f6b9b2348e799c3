package config_test

import (
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/config"
)

func TestSets_looksAtTheKeyAndAboveAndBelowIt(t *testing.T) {
	c := parse(t, "name: ci\nworkers: {count: 2}\nproxy: null\naccess: {web: [10.0.0.0/8]}\nauth: {local_users: {ada: x}}\n")
	for key, want := range map[string]bool{
		"name":                 true,
		"workers":              true,
		"workers.count":        true,
		"workers.coun":         false,
		"workers.disk":         false,
		"web":                  false,
		"web.disk":             false,
		"access.web":           true,
		"access.web[0]":        true,
		"access.web[7]":        true, // of a list that is set
		"access.director[0]":   false,
		"auth.local_users":     true,
		"auth.local_users.bob": true, // of a map that is set
		"auth.main_team":       false,
		"proxy":                true, // which goes back to the default
		"proxy.http":           true,
		"proxy.no[0]":          true,
		"aws":                  false,
	} {
		if config.Sets(c, key) != want {
			t.Errorf("sets %s: %t", key, !want)
		}
		if config.Sets(nil, key) {
			t.Errorf("nothing sets %s", key)
		}
	}
}

func TestHolder_isWhatNullIsWrittenTo(t *testing.T) {
	for key, of := range map[string]struct {
		holder string
		known  bool
	}{
		"name":                       {"name", true},
		"workers.count":              {"workers.count", true},
		"proxy.no[0]":                {"proxy.no", true},
		"access.web[12]":             {"access.web", true},
		"auth.local_users":           {"auth.local_users", true},
		"auth.local_users.ada":       {"auth.local_users", true},
		"auth.local_users.ada.lovel": {"auth.local_users", true},
		"aws.tags.team":              {"aws.tags", true},
		"manifest.vars.a.b[1]":       {"manifest.vars", true},
		"workers":                    {"workers", false}, // a section holds no value
		"workers.cuont":              {"workers.cuont", false},
		"aws.tagsteam":               {"aws.tagsteam", false},
		"":                           {"", false},
	} {
		if got := config.Holder(key); got != of.holder {
			t.Errorf("%s is held by %s, want %s", key, got, of.holder)
		}
		if got := config.Known(key); got != of.known {
			t.Errorf("%s known: %t", key, got)
		}
	}
}

func TestFlag_isNoneForWhatFlagsDoNotSet(t *testing.T) {
	for key, want := range map[string]string{
		"workers.instance_types": "workers-instance-types",
		"name":                   "name",
		"tls.private_key":        "", // a secret
		"aws.tags":               "", // a map
		"workers":                "",
		"nobody.knows":           "",
	} {
		if got := config.Flag(key); got != want {
			t.Errorf("%s: %q, want %q", key, got, want)
		}
	}
}

func TestProgramImage_isWhatThePipelineRuns(t *testing.T) {
	digest := "sha256:" + strings.Repeat("0a", 32)
	for text, of := range map[string]struct {
		image      config.Image
		constraint string
	}{
		"name: ci":                              {config.Image{}, ""},
		"pipeline: {image: registry/perpetual}": {config.Image{Repository: "registry/perpetual"}, ""},
		"pipeline: {image: registry/perpetual}\nversions: {perpetual: 1.x}":       {config.Image{Repository: "registry/perpetual"}, "1.x"},
		"pipeline: {image: 'perpetual:1.3.0@" + digest + "'}":                     {config.Image{Repository: "perpetual", Version: "1.3.0", Digest: digest}, "1.3.0"},
		"pipeline: {image: 'p:1.3.0@" + digest + "'}\nversions: {perpetual: 1.x}": {config.Image{Repository: "p", Version: "1.3.0", Digest: digest}, "1.3.0"},
		// What is no image, check.Config says.
		"pipeline: {image: 'p:latest'}": {config.Image{Repository: "p:latest"}, ""},
	} {
		c := parse(t, text)
		if got := config.ProgramImage(c); got != of.image {
			t.Errorf("%s: image %+v, want %+v", text, got, of.image)
		}
		if got := config.ProgramConstraint(c); got != of.constraint {
			t.Errorf("%s: constraint %q, want %q", text, got, of.constraint)
		}
	}
}

// AWS fetches Concourse's keys only where a public HTTPS address serves them.
func TestPublic_wantsANameACertificateAPortAndEverybody(t *testing.T) {
	const whole = "access: {domain: ci.example.com, web: [10.0.0.0/8, 0.0.0.0/0]}\ntls: {mode: lets_encrypt}\n"
	for text, want := range map[string]bool{
		whole: true,
		strings.Replace(whole, "lets_encrypt", "own", 1):                       true,
		strings.Replace(whole, "domain", "port: 443, domain", 1):               true,
		strings.Replace(whole, "domain", "port: 8443, domain", 1):              false,
		strings.Replace(whole, "domain: ci.example.com, ", "", 1):              false,
		strings.Replace(whole, "lets_encrypt", "self_signed", 1):               false,
		strings.Replace(whole, ", 0.0.0.0/0", "", 1):                           false,
		strings.Replace(whole, "web: [10.0.0.0/8, 0.0.0.0/0]", "port: 443", 1): false,
		"name: ci\n": false,
	} {
		if got := config.Public(parse(t, text)); got != want {
			t.Errorf("%s: %t", text, got)
		}
	}
}
