"""AWS's limits on what one call takes or gives, with the page that documents each."""

FILTER_VALUES = 200
"""The most values in one filter of EC2's Describe calls.

Source: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html
"""

FILTER_VALUE_CHARACTERS = 255
"""Of one value of such a filter."""

VERSIONS_AT_ONCE = 200
"""The most versions that DescribeLaunchTemplateVersions gives, and DeleteLaunch... takes.

Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeLaunchTemplateVersions.html
"""

INSTANCES_AT_ONCE = 1000
"""The most that DescribeInstances gives.

Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html
"""

RECOVERY_POINTS_AT_ONCE = 1000
"""The most that AWS Backup gives."""

GROUPS_AT_ONCE = 100
"""The most that DescribeAutoScalingGroups gives.

Source: https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_DescribeAutoScalingGroups.html
"""

EVENTS_AT_ONCE = 10
"""The most entries that PutEvents takes.

Source: https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html
"""

MESSAGES_AT_ONCE = 10
"""The most messages that one call of SQS gives or takes.

Source: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html
"""

TAG_VALUE_CHARACTERS = 256
"""Of the value of a tag.

Source: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html
"""
