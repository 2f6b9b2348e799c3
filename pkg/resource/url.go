package resource

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/dial"
)

// validURL accepts an absent URL or an absolute one of the given schemes without credentials.
func validURL(key, text string, schemes ...string) error {
	if text == "" {
		return nil
	}
	want := strings.Join(schemes, ":// or ") + "://"
	// What may hold a password, whether it parses as one or not, is not repeated.
	if strings.Contains(text, "@") {
		return fmt.Errorf("validate %s: it carries credentials; put them into their own keys, and start the URL with %s", key, want)
	}
	parsed, err := url.Parse(text)
	// An error is as for 10.0.0.6:25555; the parser's own words are about colons.
	if err != nil || parsed.Host == "" || !slices.Contains(schemes, parsed.Scheme) {
		return fmt.Errorf("validate %s: want a URL that starts with %s, got %q", key, want, text)
	}
	return nil
}

// privateURL is validURL for an address to which a credential is sent: http://
// would show it to the network, and is taken for this machine alone.
func privateURL(key, text, credential string) error {
	if err := validURL(key, text, "http", "https"); err != nil {
		return err
	}
	if parsed, err := url.Parse(text); err == nil && parsed.Scheme == "http" && !dial.Local(parsed.Hostname()) {
		return fmt.Errorf("validate %s: %s would send the %s in clear; want https:// (http:// is for loopback addresses)", key, text, credential)
	}
	return nil
}
