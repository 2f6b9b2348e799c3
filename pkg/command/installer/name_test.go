package installer_test

import (
	"strings"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/aws/layout"
	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/config/check"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/cloudformation"
)

// nameLimits is how long names may be that CloudFormation makes: STACK-RESOURCE-RANDOM,
// of which the last has up to 13 characters. 0 is a type that has an id instead, or no
// name at all.
var nameLimits = map[string]int{
	"AWS::IAM::Role": 64, "AWS::IAM::User": 64, "AWS::IAM::InstanceProfile": 128, "AWS::IAM::ManagedPolicy": 128,
	"AWS::RDS::DBInstance": 63, "AWS::RDS::DBSubnetGroup": 255,
	"AWS::EC2::VPC": 0, "AWS::EC2::InternetGateway": 0, "AWS::EC2::VPCGatewayAttachment": 0, "AWS::EC2::Subnet": 0, "AWS::EC2::RouteTable": 0,
	"AWS::EC2::Route": 0, "AWS::EC2::SubnetRouteTableAssociation": 0, "AWS::EC2::EIP": 0, "AWS::EC2::NatGateway": 0, "AWS::EC2::VPCEndpoint": 0,
	"AWS::EC2::SecurityGroupIngress": 0, "AWS::EC2::SecurityGroup": 255, "AWS::Route53::RecordSet": 0,
	"AWS::EC2::KeyPair":      0, // the stack's name, shorter than the others
	"AWS::IAM::OIDCProvider": 0, // its URL
	"AWS::IAM::Policy":       0, // its name is in the template
}

// tooLongFor lists what AWS would not take, or would shorten so that no policy knew it.
func tooLongFor(t *testing.T, template *cloudformation.Template, c *config.Config) (list []string) {
	t.Helper()
	for id, r := range template.Resources {
		limit, known := nameLimits[r.Type]
		if !known {
			t.Fatalf("how long the name of an %s may be is not known here", r.Type)
		}
		if name := "perpetual-" + c.Name + "-" + id + "-" + strings.Repeat("X", 13); limit > 0 && len(name) > limit {
			list = append(list, name)
		}
	}
	if name := config.BucketName(c, "123456789012"); len(name) > 63 {
		list = append(list, name)
	}
	return list
}

// A name that is valid fits into everything that is named after it, in every region;
// one that is refused does not.
func TestName_fitsEverywhereWhenItIsValid(t *testing.T) {
	t.Parallel()
	template, err := cloudformation.Parse(layout.Template())
	if err != nil {
		t.Fatal(err)
	}
	longest := map[string]int{}
	for _, region := range []string{"us-east-1", "eu-west-3", "eu-central-1", "ap-northeast-1", "ap-southeast-7", "xa-northwest-11"} {
		for _, bucket := range []string{"", "some-bucket"} {
			for n := 1; n <= 30; n++ {
				c := config.Defaults(&config.Config{Schema: 1, Name: strings.Repeat("n", n), AWS: &config.AWS{Region: region}, State: &config.State{Bucket: bucket}})
				problem := check.Config(c, time.Now()).Err()
				list := tooLongFor(t, template, c)
				if refused := problem != nil; refused != (len(list) > 0) {
					t.Errorf("%s, a name of %d, bucket %q: validation says %v, too long are %q", region, n, bucket, problem, list)
				}
				if problem == nil {
					longest[region] = max(longest[region], n)
				} else if !strings.Contains(problem.Error(), "name: ") {
					t.Errorf("%s: %v", region, problem)
				}
			}
		}
	}
	for region, n := range longest {
		if n != check.MaxName {
			t.Errorf("%s: the longest name has %d characters", region, n)
		}
	}
}
