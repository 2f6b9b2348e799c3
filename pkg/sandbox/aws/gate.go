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
	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/wire"
)

const (
	maxRequest = 8 << 20
	stamp      = "20060102T150405Z"
	skewLimit  = 15 * time.Minute // between the request's time and ours
)

// Shift sets the servers' clocks that far from the right time.
func (c *Cloud) Shift(offset time.Duration) {
	c.buckets.Shift(offset)
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
func (c *Cloud) gate(s wire.Service) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", c.now().Format(http.TimeFormat))
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
		if err != nil {
			s.Refuse(w, r, wire.NewRefusal(http.StatusBadRequest, "RequestEntityTooLarge", "the request is too large"))
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		in := &wire.Call{Action: s.Action(r, body), Body: body}
		if strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
			in.Form, _ = url.ParseQuery(string(body))
		}
		if !s.Open[in.Action] && s.Prefix != "" {
			if refused := c.admit(s, r, in); refused != nil {
				s.Refuse(w, r, refused)
				return
			}
		}
		noted := &wire.Noting{ResponseWriter: w}
		s.Serve(noted, r, in)
		c.count(s, in.Action, noted.Status)
	})
}

// count notes a call that succeeded.
func (c *Cloud) count(s wire.Service, action string, status int) {
	if status >= 300 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.calls[s.Name] == nil {
		c.calls[s.Name] = map[string]int{}
	}
	c.calls[s.Name][action]++
	switch {
	case reads(action):
	case s.Name == "s3" && strings.Contains(action, "Object"):
		c.writes[objects]++
	default:
		c.writes[s.Name]++
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
func (c *Cloud) admit(s wire.Service, r *http.Request, in *wire.Call) *wire.Refusal {
	signed, err := wire.ParseAuthorization(r.Header.Get("Authorization"))
	if err != nil {
		return wire.NewRefusal(http.StatusForbidden, "MissingAuthenticationToken", "Request is missing Authentication Token")
	}
	key, known := c.Find(signed.Key)
	at, err := time.Parse(stamp, r.Header.Get("X-Amz-Date"))
	switch off := c.now().Sub(at); {
	case !known, key.Session != r.Header.Get("X-Amz-Security-Token"):
		return s.Refusals.Unknown.Say("The security token included in the request is invalid.")
	case err != nil, off > skewLimit, off < -skewLimit:
		return s.Refusals.Skewed.Say("Signature expired: %s is now earlier than %s", at.Format(stamp), c.now().Add(-skewLimit).Format(stamp))
	case !c.RegionEnabled(signed.Region):
		// A region that is not enabled knows no key.
		return s.Refusals.Unknown.Say("The security token included in the request is invalid.")
	case !signed.Matches(r, in.Body, key.Secret):
		return s.Refusals.Forged.Say("The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method.")
	case key.Expired:
		return s.Refusals.Expired.Say("The security token included in the request is expired")
	}
	in.Region, in.Account, in.ARN = signed.Region, key.Account, key.ARN
	action := s.Prefix + ":" + s.Permission(in.Action)
	if slices.Contains(key.Closed, signed.Region) && s.Name != "iam" && s.Name != "sts" {
		return s.Refusals.Denied.Say("User: %s is not authorized to perform: %s with an explicit deny in a service control policy%s", key.ARN, action, s.Refusals.Suffix)
	}
	for _, pattern := range key.Deny {
		if match, _ := path.Match(pattern, action); match && action != "sts:GetCallerIdentity" {
			return s.Refusals.Denied.Say("User: %s is not authorized to perform: %s because no identity-based policy allows the %s action.%s", key.ARN, action, action, s.Refusals.Suffix)
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
