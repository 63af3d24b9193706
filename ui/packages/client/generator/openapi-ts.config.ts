import { defineConfig } from '@hey-api/openapi-ts';

export default defineConfig({
  input: '../../../../docs/openapi.json',
  output: { path: '../src/generated', module: { extension: '.ts' }, clean: true },
  plugins: [
    { name: '@hey-api/client-fetch', throwOnError: true },
    { name: '@hey-api/sdk', responseStyle: 'data' },
    '@hey-api/typescript',
  ],
});
