package aws

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/cloudformation"
)

const (
	maxRequest = 8 << 20
	stamp      = "20060102T150405Z"
	skewLimit  = 15 * time.Minute // between the request's time and ours
)

// Shift sets the servers' clocks that far from the right time.
func (c *Cloud) Shift(offset time.Duration) {
	c.shift(offset)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset = offset
}

// now is the time by the servers' clocks.
func (c *Cloud) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.offset).UTC()
}

// gate checks who asks, hands the request on, and counts what succeeded.
func (c *Cloud) gate(s service) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", c.now().Format(http.TimeFormat))
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
		if err != nil {
			s.refuse(w, r, newRefusal(http.StatusBadRequest, "RequestEntityTooLarge", "the request is too large"))
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		in := &call{action: s.action(r, body), body: body}
		if strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
			in.form, _ = url.ParseQuery(string(body))
		}
		if !s.open[in.action] && s.prefix != "" {
			if refused := c.admit(s, r, in); refused != nil {
				s.refuse(w, r, refused)
				return
			}
		}
		noted := &noting{ResponseWriter: w}
		s.serve(noted, r, in)
		c.count(s, in.action, noted.status)
	})
}

// count notes a call that succeeded.
func (c *Cloud) count(s service, action string, status int) {
	if status >= 300 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.calls[s.name] == nil {
		c.calls[s.name] = map[string]int{}
	}
	c.calls[s.name][action]++
	switch {
	case reads(action):
	case s.name == "s3" && strings.Contains(action, "Object"):
		c.writes[objects]++
	default:
		c.writes[s.name]++
	}
}

// reads says whether an action changes nothing.
func reads(action string) bool {
	for _, verb := range []string{"Describe", "Get", "List", "Head", "Assume", "Validate", "Estimate", "CreateChangeSet", "DeleteChangeSet", "CheckIP", "Sign", "Encrypt", "Decrypt"} {
		if strings.HasPrefix(action, verb) {
			return true
		}
	}
	return false
}

// admit checks the signature, and what its key may do.
func (c *Cloud) admit(s service, r *http.Request, in *call) *refusal {
	signed, err := parseAuthorization(r.Header.Get("Authorization"))
	if err != nil {
		return newRefusal(http.StatusForbidden, "MissingAuthenticationToken", "Request is missing Authentication Token")
	}
	key, known := c.key(signed.key)
	at, err := time.Parse(stamp, r.Header.Get("X-Amz-Date"))
	switch off := c.now().Sub(at); {
	case !known, key.Session != r.Header.Get("X-Amz-Security-Token"):
		return s.refusals.unknown.say("The security token included in the request is invalid.")
	case err != nil, off > skewLimit, off < -skewLimit:
		return s.refusals.skewed.say("Signature expired: %s is now earlier than %s", at.Format(stamp), c.now().Add(-skewLimit).Format(stamp))
	case !c.regionEnabled(signed.region):
		// A region that is not enabled knows no key.
		return s.refusals.unknown.say("The security token included in the request is invalid.")
	case !signed.matches(r, in.body, key.Secret):
		return s.refusals.forged.say("The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method.")
	case key.Expired:
		return s.refusals.expired.say("The security token included in the request is expired")
	}
	in.region, in.account, in.arn = signed.region, key.Account, key.ARN
	action := s.prefix + ":" + s.permission(in.action)
	if slices.Contains(key.Closed, signed.region) && s.name != "iam" && s.name != "sts" {
		return s.refusals.denied.say("User: %s is not authorized to perform: %s with an explicit deny in a service control policy%s", key.ARN, action, s.refusals.suffix)
	}
	for _, pattern := range key.Deny {
		if match, _ := path.Match(pattern, action); match && action != "sts:GetCallerIdentity" {
			return s.refusals.denied.say("User: %s is not authorized to perform: %s because no identity-based policy allows the %s action.%s", key.ARN, action, action, s.refusals.suffix)
		}
	}
	return c.authorize(s, r, in, key)
}

// stacksIn is CloudFormation in another region than Env's: an own one, where the
// account has no stacks.
func (c *Cloud) stacksIn(region string) http.Handler {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stacks[region] == nil {
		c.stacks[region] = cloudformation.New(cloudformation.Options{Account: c.options.Account, Region: region})
	}
	return c.stacks[region]
}
