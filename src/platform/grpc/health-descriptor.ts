/** What `grpc/health/v1/health.proto` declares, for reflection: the package that serves it brings no descriptor. */
import { create, toBinary } from '@bufbuild/protobuf';
import {
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
  FileDescriptorSetSchema,
} from '@bufbuild/protobuf/wkt';

const statuses = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'];
const request = '.grpc.health.v1.HealthCheckRequest';
const response = '.grpc.health.v1.HealthCheckResponse';

/** A serialized `FileDescriptorSet` with the one file. */
export function healthDescriptorSet(): Uint8Array {
  const file = {
    name: 'grpc/health/v1/health.proto',
    package: 'grpc.health.v1',
    syntax: 'proto3',
    messageType: [
      {
        name: 'HealthCheckRequest',
        field: [{ name: 'service', jsonName: 'service', number: 1, label: Label.OPTIONAL, type: Type.STRING }],
      },
      {
        name: 'HealthCheckResponse',
        field: [
          {
            name: 'status',
            jsonName: 'status',
            number: 1,
            label: Label.OPTIONAL,
            type: Type.ENUM,
            typeName: `${response}.ServingStatus`,
          },
        ],
        enumType: [{ name: 'ServingStatus', value: statuses.map((name, number) => ({ name, number })) }],
      },
    ],
    service: [
      {
        name: 'Health',
        method: [
          { name: 'Check', inputType: request, outputType: response },
          { name: 'Watch', inputType: request, outputType: response, serverStreaming: true },
        ],
      },
    ],
  };
  return toBinary(FileDescriptorSetSchema, create(FileDescriptorSetSchema, { file: [file] }));
}
